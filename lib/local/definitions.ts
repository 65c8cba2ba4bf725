import { functionFolder } from '../cloud/function-folder.ts';
import { isDistributed, readDistributedMap } from './distributed-map/map-state.ts';
import type { Statement } from './iam/policy.ts';
import { readRoles, readServiceStatements } from './iam/roles.ts';
import { resolver } from './references.ts';
import type { Definition } from './states-language.ts';
import type { Template } from './template.ts';

export interface LocalStateMachine {
  readonly arn: string;
  readonly type: 'EXPRESS' | 'STANDARD';
  readonly definition: Definition;
}

export interface LocalFunction {
  readonly arn: string;
  /** Its folder under functions/. */
  readonly folder: string;
  readonly timeoutMilliseconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** What a rule of EventBridge is about, as far as the local cloud delivers that. */
interface EventPattern {
  readonly source?: readonly string[];
  readonly detail?: {
    readonly object?: { readonly key?: readonly { readonly wildcard: string }[] };
    readonly stateMachineArn?: readonly unknown[];
    readonly status?: readonly string[];
  };
}

/** What the local cloud runs of a template. */
export interface LocalStack {
  /** By logical id. */
  readonly machines: ReadonlyMap<string, LocalStateMachine>;
  /** By ARN. */
  readonly functions: ReadonlyMap<string, LocalFunction>;
  /** Names of buckets. */
  readonly buckets: readonly string[];
  /** Names of tables. */
  readonly tables: readonly string[];
  /** What each role may do that sessions run under, by ARN. */
  readonly roles: ReadonlyMap<string, readonly Statement[]>;
  /** What functions may do without a session. */
  readonly ownRights: readonly Statement[];
  /** What the keys of objects are like whose making is told to a function, with `*` for anything. */
  readonly announcedKeys: readonly string[];
  /** State machines of whose executions' ends a function is told, by ARN, with the statuses that it is told of. */
  readonly announcedEnds: ReadonlyMap<string, readonly string[]>;
  /** The stack's outputs, by name. */
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * State machines, functions, buckets and outputs, with references resolved to stand-ins. A function that has no folder
 * here, such as the CDK's own, is left out.
 */
export function readTemplate({ Resources, Outputs = {} }: Template): LocalStack {
  const resolve = resolver({ Resources });
  const arnOf = (logicalId: string) => resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] });
  const machines = new Map<string, LocalStateMachine>();
  const functions = new Map<string, LocalFunction>();
  const buckets: string[] = [];
  const tables: string[] = [];
  const announcedKeys: string[] = [];
  const announcedEnds = new Map<string, readonly string[]>();
  for (const [logicalId, { Type, Properties, Metadata }] of Object.entries(Resources)) {
    const arn = arnOf(logicalId);
    if (Type === 'AWS::S3::Bucket') buckets.push(resolve({ Ref: logicalId }));
    if (Type === 'AWS::Events::Rule') {
      const { source, detail = {} } = Properties.EventPattern as EventPattern;
      if (source?.includes('aws.s3')) announcedKeys.push(...(detail.object?.key ?? []).map(({ wildcard }) => wildcard));
      if (source?.includes('aws.states')) {
        for (const machine of detail.stateMachineArn ?? []) announcedEnds.set(resolve(machine), detail.status ?? []);
      }
    }
    if (Type === 'AWS::DynamoDB::Table') tables.push(resolve({ Ref: logicalId }));
    if (Type === 'AWS::StepFunctions::StateMachine') {
      const definition: Definition = JSON.parse(resolve(Properties.DefinitionString));
      refuseUnsupported(definition, logicalId);
      const type = Properties.StateMachineType === 'EXPRESS' ? 'EXPRESS' : 'STANDARD';
      machines.set(logicalId, { arn, type, definition });
    }
    const folder = Metadata?.[functionFolder];
    if (Type === 'AWS::Lambda::Function' && typeof folder === 'string') {
      const { Variables = {} } = (Properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
      const environment = Object.fromEntries(Object.entries(Variables).map(([name, value]) => [name, resolve(value)]));
      functions.set(arn, { arn, folder, timeoutMilliseconds: 1000 * Number(Properties.Timeout ?? 3), environment });
    }
  }
  const outputs = new Map(Object.entries(Outputs).map(([name, { Value }]) => [name, resolve(Value)]));
  const [roles, ownRights] = [readRoles(Resources, resolve), readServiceStatements(Resources, resolve)];
  return { machines, functions, buckets, tables, announcedKeys, announcedEnds, roles, ownRights, outputs };
}

/**
 * The interpreter reports success for what it does not understand, so that is refused before it runs.
 *
 * @throws Error naming the state
 */
export function refuseUnsupported(definition: Definition, machine: string, isNested = false): void {
  if (definition.QueryLanguage === 'JSONata') throw new Error(`${machine}: the local cloud does not run JSONata`);
  for (const [name, state] of Object.entries(definition.States)) {
    const where = `${machine}, state ${name}`;
    if (state.QueryLanguage === 'JSONata') throw new Error(`${where}: the local cloud does not run JSONata`);
    if (isDistributed(state)) {
      if (isNested) throw new Error(`${where}: the local cloud does not run a Distributed Map inside of another state`);
      readDistributedMap(state, where);
    }
    if (state.Resource?.endsWith('.sync') || state.Resource?.endsWith('.waitForTaskToken')) {
      throw new Error(`${where}: the local cloud does not run ${state.Resource}`);
    }
    for (const nested of [state.ItemProcessor, ...(state.Branches ?? [])])
      if (nested) refuseUnsupported(nested, machine, true);
  }
}

/** Every Task of a definition, inside maps and branches too, by state name. */
export function tasksOf(definition: Definition): Map<string, string> {
  const tasks = new Map<string, string>();
  for (const [name, { Type, Resource, ItemProcessor, Branches }] of Object.entries(definition.States)) {
    if (Type === 'Task' && Resource) tasks.set(name, Resource);
    for (const nested of [ItemProcessor, ...(Branches ?? [])]) {
      if (nested) for (const [inner, resource] of tasksOf(nested)) tasks.set(inner, resource);
    }
  }
  return tasks;
}
