import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { modelVersion } from '../checkpoint/served-model.ts';
import { loadStepModel } from '../inference/step-model.ts';
import { executionProviders } from '../runtime/providers.ts';
import { firstIssue } from '../zod-issue.ts';
import { exactOnCpu } from './lane-scheduler.ts';
import { createModelServer, type ServedModel } from './server.ts';
import { stagedModel } from './staged-model.ts';

/**
 * The container's process. SageMaker starts it with the argument `serve`, mounts the model at /opt/ml/model and talks to
 * port 8080; the environment may say otherwise.
 */
const environmentSchema = z.object({
  SLINGSHOT_MODEL_DIRECTORY: z.string().default('/opt/ml/model'),
  /** Names of folders beside the model's, where all of them are served by this process: adapters over one base. */
  SLINGSHOT_ADAPTERS: z.string().min(1).optional(),
  /** Where bases are mounted that models compute by, for a model that comes without its own. */
  SLINGSHOT_BASES: z.string().optional(),
  SLINGSHOT_PROVIDER: z.enum(executionProviders).default('cpu'),
  SLINGSHOT_THREADS: z.coerce.number().int().positive().optional(),
  SLINGSHOT_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  SLINGSHOT_HOST: z.string().default('0.0.0.0'),
});

/** SageMaker kills 30 seconds after SIGTERM. */
const drainMilliseconds = 25_000;

function fail(message: string): never {
  console.error(`slingshot serve: ${message}`);
  process.exit(1);
}

const { positionals } = parseArgs({ allowPositionals: true });
if (positionals[0] !== 'serve') fail('the only command is `serve`');
const parsed = environmentSchema.safeParse(process.env);
if (!parsed.success) fail(firstIssue(parsed.error, 'environment'));
const environment = parsed.data;

async function serve(mounted: string, bases: string | undefined): Promise<ServedModel> {
  const directory = bases === undefined ? mounted : await stagedModel(mounted, bases);
  const { SLINGSHOT_PROVIDER: provider, SLINGSHOT_THREADS: threads = 1 } = environment;
  const denoiser = await loadStepModel(directory, { provider, threads });
  const scheduling = provider === 'cpu' ? { isExact: exactOnCpu(threads, denoiser) } : {};
  return { denoiser, version: await modelVersion(directory), scheduling };
}

async function serveAll(): Promise<readonly ServedModel[]> {
  const { SLINGSHOT_MODEL_DIRECTORY: mounted, SLINGSHOT_BASES: bases, SLINGSHOT_ADAPTERS: adapters } = environment;
  if (adapters === undefined) return [await serve(mounted, bases)];
  const served: ServedModel[] = [];
  // One after the other: the first loads the base that they share.
  for (const adapter of adapters.split(',')) {
    served.push({ ...(await serve(join(dirname(mounted), adapter), bases)), adapter });
  }
  return served;
}

const models = serveAll();
const server = createModelServer(models);
server.on('error', (error) => fail(error.message));
server.listen(environment.SLINGSHOT_PORT, environment.SLINGSHOT_HOST, () => {
  const address = server.address();
  // The local cloud starts this process on port 0 and reads the port from here.
  console.log(JSON.stringify({ message: 'listening', port: typeof address === 'object' ? address?.port : address }));
});
models.then(
  (all) =>
    console.log(JSON.stringify({ message: 'ready', model: all.map(({ denoiser }) => denoiser.name).join(', ') })),
  (error) => fail(error.message),
);

function drain(): void {
  // A connection that is kept alive would keep the server from closing.
  server.keepAliveTimeout = 1;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(1), drainMilliseconds).unref();
}
process.once('SIGTERM', drain);
process.once('SIGINT', drain);
// Started by the local cloud over an IPC channel: it ends with its parent, who alone would read its answers.
process.once('disconnect', () => process.exit(0));
