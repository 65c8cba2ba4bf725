import * as z from 'zod';
import { callsOf } from '../../models/ssd2/generation.ts';
import { firstIssue } from '../../models/zod-issue.ts';
import { contractVersion, emptyLedger, type Run, type State } from '../contracts/generation.ts';
import {
  executionInputSchema,
  type ServiceInput,
  serviceInputSchema,
  serviceRequestSchema,
} from '../contracts/request.ts';
import type { Stored } from '../contracts/stored.ts';
import { loadContextText, storeContextTokens } from '../shared/context-store.ts';
import { InvalidRequest } from '../shared/errors.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { catalogFor } from '../shared/models/registered.ts';
import { loadRequest } from '../shared/request-store.ts';
import { loadDeployment } from './load-deployment.ts';
import { type Deployment, oneLane, prepare, type Wanted } from './prepare.ts';

/** The execution's input, unchecked, and its name. */
const eventSchema = z.strictObject({ request: z.unknown(), id: z.string().min(1) });

export const handler = lambdaHandler(eventSchema, async ({ request, id }): Promise<State> => {
  const service = serviceInputSchema.safeParse(request);
  return service.success ? prepareForService(service.data) : prepareForOperator(request, id);
});

async function prepareForOperator(request: unknown, id: string): Promise<State> {
  const parsed = executionInputSchema.safeParse(request);
  if (!parsed.success) throw new InvalidRequest(firstIssue(parsed.error, 'request'));
  const { context, watched, ...wanted } = parsed.data;
  const tenant = wanted.tenant ?? null;
  // Whoever watches here may see all.
  const run = { id, tenant, watched, detailed: watched, recorded: false };
  // An operator's own request goes by what is deployed.
  return stateOf(run, oneLane(wanted), context, await loadDeployment());
}

async function prepareForService({ tenant, generation, request: stored }: ServiceInput): Promise<State> {
  const [loaded, deployment] = await Promise.all([loadRequest(tenant, stored), deploymentFor(tenant, generation)]);
  const parsed = serviceRequestSchema.safeParse(loaded);
  if (!parsed.success) throw new InvalidRequest(firstIssue(parsed.error, 'request'));
  const { context, watched, detailed, ...wanted } = parsed.data;
  return stateOf({ id: generation, tenant, watched, detailed, recorded: true }, wanted, context, deployment);
}

/** With what the service's table says of models. */
async function deploymentFor(tenant: string, generation: string): Promise<Deployment> {
  const deployment = await loadDeployment();
  return { ...deployment, catalog: await catalogFor(deployment.catalog, tenant, generation) };
}

/** @param stored the private context's text */
async function stateOf(
  run: Omit<Run, 'contract' | 'visit' | 'stop'>,
  wanted: Wanted,
  stored: Stored | undefined,
  deployment: Deployment,
): Promise<State> {
  const { tenant } = run;
  if (stored && tenant === null) throw new InvalidRequest('context: needs a tenant');
  const context = stored && tenant !== null ? { context: await loadContextText(tenant, stored) } : {};
  const { generation, stop, prompts, contexts } = await prepare({ ...wanted, ...context }, deployment);
  const store = (ids: readonly number[] | null) =>
    ids === null || tenant === null ? null : storeContextTokens(tenant, ids);
  return {
    run: { contract: contractVersion, visit: wanted.visit, stop, ...run },
    prompts,
    contexts: await Promise.all(contexts.map((own) => Promise.all(own.map(store)))),
    step: { generation, calls: callsOf(generation), previous: [null], turn: 'continue', ledger: emptyLedger() },
    retries: { timedOut: 0, redrives: 0 },
  };
}
