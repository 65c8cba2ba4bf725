import * as z from 'zod';
import { loadChatTemplate, loadServedConfig, loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import { callsOf } from '../../models/ssd2/generation.ts';
import { firstIssue } from '../../models/zod-issue.ts';
import { contractVersion, type State } from '../contracts/generation.ts';
import { executionInputSchema } from '../contracts/request.ts';
import { loadContextText, storeContextTokens } from '../shared/context-store.ts';
import { setting } from '../shared/environment.ts';
import { InvalidRequest } from '../shared/errors.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { loadCatalog } from './load-catalog.ts';
import { type Deployment, prepare } from './prepare.ts';

let deployment: Promise<Deployment> | undefined;

async function loadDeployment(): Promise<Deployment> {
  const directory = setting('SLINGSHOT_MODEL_DIRECTORY');
  const [config, tokenizer, catalog] = await Promise.all([
    loadServedConfig(directory),
    loadServedTokenizer(directory),
    loadCatalog(setting('SLINGSHOT_CATALOG')),
  ]);
  const chat = await loadChatTemplate(directory, tokenizer);
  return { config, tokenizer, ...(chat ? { chat } : {}), catalog, kept: setting('SLINGSHOT_KEPT') };
}

/** The execution's input, unchecked, and its name. */
const eventSchema = z.strictObject({ request: z.unknown(), id: z.string().min(1) });

export const handler = lambdaHandler(eventSchema, async ({ request, id }): Promise<State> => {
  const parsed = executionInputSchema.safeParse(request);
  if (!parsed.success) throw new InvalidRequest(firstIssue(parsed.error, 'request'));
  const { context: stored, watched, ...wanted } = parsed.data;
  const tenant = wanted.tenant ?? null;
  if (stored && tenant === null) throw new InvalidRequest('context: needs a tenant');
  deployment ??= loadDeployment().catch((error) => {
    // A function that stays warm asks again.
    deployment = undefined;
    throw error;
  });
  const context = stored && tenant !== null ? { context: await loadContextText(tenant, stored) } : {};
  const { generation, prompts, contexts } = await prepare({ ...wanted, ...context }, await deployment);
  const store = (ids: readonly number[] | null) =>
    ids === null || tenant === null ? null : storeContextTokens(tenant, ids);
  return {
    run: { contract: contractVersion, id, tenant, visit: wanted.visit, watched },
    prompts,
    contexts: await Promise.all(contexts.map((own) => Promise.all(own.map(store)))),
    step: { generation, calls: callsOf(generation), previous: [null], turn: 'continue' },
    retries: { timedOut: 0, redrives: 0 },
  };
});
