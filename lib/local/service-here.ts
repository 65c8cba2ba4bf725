import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Administration } from '../administration/administration.ts';
import type { PageServer } from '../console/page-server.ts';
import type { Fleet } from '../fleet.ts';
import { frontServer } from './front/front.ts';
import { type Address, close, listen } from './listen.ts';
import { LocalCloud, type LocalOptions } from './local-cloud.ts';
import { recoverGenerations } from './recover.ts';
import { recoverBatches } from './recover-batches.ts';
import { sweep } from './sweep.ts';

export interface ServiceOptions extends Partial<LocalOptions> {
  readonly state: NonNullable<LocalOptions['state']>;
  readonly address?: Address;
  /** Serves the console beside the API. */
  readonly page?: PageServer;
  /** Web origins whose pages may call; none by default. */
  readonly corsOrigins?: readonly string[];
  /** How long a request may take to arrive. */
  readonly requestMilliseconds?: number;
  /** Who acts, for the audit record. */
  readonly actor?: string;
}

/** How often what is past its time is removed. */
const sweepMilliseconds = 3_600_000;

/** The whole service on this machine. */
export interface ServiceHere {
  readonly url: string;
  readonly cloud: LocalCloud;
  readonly administration: Administration & Required<Pick<Administration, 'generations'>>;
  /** Ids of generations and batches that a killed process left, and that started again. */
  readonly recovered: readonly string[];
  stop(): Promise<void>;
}

/** Starts the local cloud with its table, and the API before it. */
export async function startServiceHere(fleet: Fleet, options: ServiceOptions): Promise<ServiceHere> {
  const { address, page, corsOrigins, requestMilliseconds, actor = 'slingshot up', ...rest } = options;
  const cloud = await LocalCloud.start(fleet, rest);
  try {
    const { service } = cloud;
    if (!service) throw new Error('the local cloud has no API');
    const administration = administrationOf(cloud, actor);
    const recovered = await recoverGenerations(administration, cloud.environment);
    recovered.push(...(await recoverBatches(administration, cloud.environment)));
    await cloud.tellOfDrops();
    await sweep(administration);
    const sweeping = setInterval(() => void sweep(administration).catch(() => {}), sweepMilliseconds);
    sweeping.unref();
    const server = frontServer({
      ...service,
      ...(page ? { page } : {}),
      ...(corsOrigins ? { corsOrigins } : {}),
      ...(rest.logsFailures ? { onFailure: logFailure } : {}),
      ...(requestMilliseconds === undefined ? {} : { requestMilliseconds }),
    });
    const url = await listen(server, address);
    const stop = async () => {
      clearInterval(sweeping);
      await close(server);
      await cloud.stop();
    };
    return { url, cloud, administration, recovered, stop };
  } catch (error) {
    await cloud.stop();
    throw error;
  }
}

/** With an operator's rights; its clients find the local cloud by this process' settings. */
function administrationOf(
  { environment, generateArn, models, operator: credentials }: LocalCloud,
  actor: string,
): ServiceHere['administration'] {
  const marshallOptions = { removeUndefinedValues: true };
  return {
    table: {
      client: DynamoDBDocumentClient.from(new DynamoDBClient({ credentials }), { marshallOptions }),
      name: environment.SLINGSHOT_TABLE,
    },
    bucket: { client: new S3Client({ credentials, forcePathStyle: true }), name: environment.SLINGSHOT_BUCKET },
    generations: { client: new SFNClient({ credentials, disableHostPrefix: true }), stateMachineArn: generateArn },
    models,
    tiers: Object.keys(JSON.parse(environment.SLINGSHOT_TIERS)),
    actor,
  };
}

function logFailure({ name, message }: Error, requestId: string): void {
  console.error(`request ${requestId}: ${name}: ${message.slice(0, 200)}`);
}
