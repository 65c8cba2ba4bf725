import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { writeAtomically } from '../../models/files/atomic-write.ts';
import { withFolderLock } from '../../models/files/folder-lock.ts';
import { makeFolder } from '../../models/files/make-folder.ts';
import type { Administration } from '../administration/administration.ts';
import { LocalAws } from './aws-environment.ts';
import { startDynamoDb } from './dynamodb.ts';
import { Identities } from './iam/identities.ts';
import { startS3 } from './s3.ts';
import type { LocalService } from './service.ts';

/** What a service says of itself in its state folder, for the operator's commands beside it. Only its user may read it. */
export interface ServiceNote {
  /** The process that serves, while it does. */
  readonly pid: number;
  readonly table: string;
  readonly bucket: string;
  readonly tiers: readonly string[];
  readonly stateMachineArn: string;
  /** How tenants' own models are deployed. */
  readonly models: NonNullable<Administration['models']>;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly endpoints: { readonly dynamodb: string; readonly s3: string; readonly stepFunctions: string };
}

const noteFile = 'service.json';
const folders = { dynamodb: 'dynamodb', s3: 's3', template: 'template', components: 'components' } as const;

/** A state folder that this process alone works in. */
export interface StateFolder {
  readonly dynamodb: string;
  readonly s3: string;
  /** Where tenants' own models are served from. */
  readonly components: string;
  /** Where the template is kept. */
  readonly template: string;
  /** Says to the operator's commands where the service is. */
  publish(note: Omit<ServiceNote, 'pid'>): Promise<void>;
  close(): Promise<void>;
}

/** @throws Error naming the process that holds the folder */
export async function openStateFolder(folder: string): Promise<StateFolder> {
  await makeFolder(folder);
  await chmod(folder, 0o700);
  const release = await holdLock(folder);
  return {
    dynamodb: join(folder, folders.dynamodb),
    s3: join(folder, folders.s3),
    template: join(folder, folders.template),
    components: join(folder, folders.components),
    publish: (note) => writeNote(folder, { pid: process.pid, ...note }),
    close: release,
  };
}

async function writeNote(folder: string, note: ServiceNote): Promise<void> {
  const before = process.umask(0o077);
  try {
    await writeAtomically(join(folder, noteFile), JSON.stringify(note));
  } finally {
    process.umask(before);
  }
}

async function holdLock(folder: string): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const wanted = Promise.withResolvers<void>();
  const done = withFolderLock(folder, () => {
    held.resolve();
    return wanted.promise;
  });
  await Promise.race([held.promise, done]);
  return async () => {
    wanted.resolve();
    await done;
  };
}

/**
 * An operator's access to a service on this machine: to the one that runs, or, when none does, to what it left.
 *
 * @throws Error when no service was ever started with this folder
 */
export async function administerLocally(
  folder: string,
  actor: string,
): Promise<{ readonly administration: Administration; close(): Promise<void> }> {
  const note = await readNote(folder);
  if (await answers(note)) {
    const clients = clientsOf(note, note.endpoints);
    const generations = {
      client: new SFNClient({
        ...{ endpoint: note.endpoints.stepFunctions, region: 'local', credentials: note.credentials },
        disableHostPrefix: true,
      }),
      stateMachineArn: note.stateMachineArn,
    };
    const { models } = note;
    return { administration: { ...clients, generations, models, tiers: note.tiers, actor }, close: async () => {} };
  }
  const state = await openStateFolder(folder);
  const aws = new LocalAws();
  const services: LocalService[] = [];
  const close = async () => {
    for (const { stop } of services) await stop();
    aws.restore();
    await state.close();
  };
  try {
    const identities = new Identities(aws.credentials);
    services.push(await startDynamoDb({ tables: [note.table], identities, folder: state.dynamodb }));
    services.push(await startS3({ buckets: [note.bucket], identities, folder: state.s3 }));
    const [table, bucket] = services.map(({ environment }) => Object.values(environment)[0]);
    const clients = clientsOf({ ...note, credentials: aws.credentials }, { dynamodb: table, s3: bucket });
    return { administration: { ...clients, tiers: note.tiers, actor }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function clientsOf(
  { table, bucket, credentials }: Pick<ServiceNote, 'table' | 'bucket' | 'credentials'>,
  endpoints: Pick<ServiceNote['endpoints'], 'dynamodb' | 's3'>,
): Pick<Administration, 'table' | 'bucket'> {
  const common = { region: 'local', credentials };
  const marshallOptions = { removeUndefinedValues: true };
  const items = new DynamoDBClient({ ...common, endpoint: endpoints.dynamodb });
  return {
    table: { client: DynamoDBDocumentClient.from(items, { marshallOptions }), name: table },
    bucket: { client: new S3Client({ ...common, endpoint: endpoints.s3, forcePathStyle: true }), name: bucket },
  };
}

async function readNote(folder: string): Promise<ServiceNote> {
  const path = join(folder, noteFile);
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new Error(`${path}: no service was started with this folder; slingshot up does that`, { cause });
  }
}

/** Whether the service that wrote the note is still there; another process may have its port by now. */
async function answers({ pid, endpoints }: ServiceNote): Promise<boolean> {
  try {
    process.kill(pid, 0);
    // Unsigned, so refused: by DynamoDB's guard, if it is it.
    const response = await fetch(endpoints.dynamodb, { method: 'POST', signal: AbortSignal.timeout(5_000) });
    return response.status === 400;
  } catch {
    return false;
  }
}
