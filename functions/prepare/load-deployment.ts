import { loadChatTemplate, loadServedConfig, loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import { setting } from '../shared/environment.ts';
import { loadCatalog } from './load-catalog.ts';
import type { Deployment } from './prepare.ts';

let deployment: Promise<Deployment> | undefined;

/** What is deployed, read once by a function that stays warm, and again after a failure. */
export function loadDeployment(): Promise<Deployment> {
  deployment ??= read().catch((error) => {
    deployment = undefined;
    throw error;
  });
  return deployment;
}

async function read(): Promise<Deployment> {
  const directory = setting('SLINGSHOT_MODEL_DIRECTORY');
  const [config, tokenizer, catalog] = await Promise.all([
    loadServedConfig(directory),
    loadServedTokenizer(directory),
    loadCatalog(setting('SLINGSHOT_CATALOG')),
  ]);
  const chat = await loadChatTemplate(directory, tokenizer);
  return { config, tokenizer, ...(chat ? { chat } : {}), catalog, kept: setting('SLINGSHOT_KEPT') };
}
