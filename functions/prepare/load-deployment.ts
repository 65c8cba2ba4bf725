import { loadChatTemplate, loadServedConfig, loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import { setting } from '../shared/environment.ts';
import { loadCatalog } from './load-catalog.ts';
import type { Deployment } from './prepare.ts';

/** What is deployed, and since when, in milliseconds since 1970. */
type Deployed = Deployment & { readonly since: number };

let deployment: Promise<Deployed> | undefined;

/** What is deployed, read once by a function that stays warm, and again after a failure. */
export function loadDeployment(): Promise<Deployed> {
  deployment ??= read().catch((error) => {
    deployment = undefined;
    throw error;
  });
  return deployment;
}

async function read(): Promise<Deployed> {
  const directory = setting('SLINGSHOT_MODEL_DIRECTORY');
  const [config, tokenizer, { catalog, since }] = await Promise.all([
    loadServedConfig(directory),
    loadServedTokenizer(directory),
    loadCatalog(setting('SLINGSHOT_CATALOG')),
  ]);
  const chat = await loadChatTemplate(directory, tokenizer);
  return { config, tokenizer, ...(chat ? { chat } : {}), catalog, since, kept: setting('SLINGSHOT_KEPT') };
}
