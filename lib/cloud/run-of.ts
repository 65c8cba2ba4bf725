import { JsonPath } from 'aws-cdk-lib/aws-stepfunctions';
import { runFields } from '../../functions/contracts/generation.ts';

/** Whose an execution is: a state can change what passes between states, but not the execution's input. */
export const tenantPath = '$$.Execution.Input.tenant';

/**
 * The state's `run` as tasks are given it.
 *
 * @param tenant where the context object says whose it is
 */
export function runOf(tenant = tenantPath): Record<string, unknown> {
  const pathOf = (name: string) => (name === 'tenant' ? tenant : `$.run.${name}`);
  return Object.fromEntries(runFields.map((name) => [name, JsonPath.objectAt(pathOf(name))]));
}
