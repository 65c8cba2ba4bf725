import { loadDiffusionConfig, loadTokenizer } from '../../models/checkpoint/model-directory.ts';
import { requestSchema } from '../contracts/request.ts';
import { setting } from '../shared/environment.ts';
import { InvalidRequest } from '../shared/errors.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { type Deployment, prepare } from './prepare.ts';

let deployment: Promise<Deployment> | undefined;

async function loadDeployment(): Promise<Deployment> {
  const directory = setting('SLINGSHOT_MODEL_DIRECTORY');
  const [config, tokenizer] = await Promise.all([loadDiffusionConfig(directory), loadTokenizer(directory)]);
  return { config, tokenizer, catalog: setting('SLINGSHOT_CATALOG'), kept: setting('SLINGSHOT_KEPT') };
}

export const handler = lambdaHandler(
  requestSchema,
  async (request) => {
    deployment ??= loadDeployment();
    return prepare(request, await deployment);
  },
  (message) => new InvalidRequest(message),
);
