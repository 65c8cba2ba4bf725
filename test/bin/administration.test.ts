import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { commandLine } from '../../bin/command-line.ts';
import { LocalAws } from '../../lib/local/aws-environment.ts';
import { startDynamoDb } from '../../lib/local/dynamodb.ts';
import { Identities } from '../../lib/local/iam/identities.ts';
import { startSts } from '../../lib/local/iam/sts.ts';
import { startS3 } from '../../lib/local/s3.ts';
import { openStateFolder } from '../../lib/local/state-folder.ts';

let folder: string;
let state: string;
let stopService: () => Promise<void>;
/** What a process has whose SDK clients are to find the service as they would find AWS. */
let inCloud: Record<string, string>;

/** What of `slingshot up` the commands need: table and bucket, and the note that says where they are. */
async function startService(): Promise<() => Promise<void>> {
  const held = await openStateFolder(state);
  const aws = new LocalAws();
  const identities = new Identities(aws.credentials);
  const table = await startDynamoDb({ tables: ['Table'], identities, folder: held.dynamodb });
  const bucket = await startS3({ buckets: ['bucket'], identities, folder: held.s3 });
  const sts = await startSts(identities);
  inCloud = {
    ...{ ...table.environment, ...bucket.environment, ...sts.environment, AWS_REGION: 'local' },
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
  };
  const endpoints = { dynamodb: Object.values(table.environment)[0], s3: Object.values(bucket.environment)[0] };
  await held.publish({
    ...{ table: 'Table', bucket: 'bucket', tiers: ['trial', 'standard'], credentials: aws.credentials },
    ...{ stateMachineArn: 'arn:aws:states:local:0:stateMachine:Generate' },
    models: { deployModelArn: '', prefix: 'Slingshot', endpoints: [], core: '' },
    endpoints: { ...endpoints, stepFunctions: 'http://127.0.0.1:1' },
  });
  return async () => {
    await table.stop();
    await bucket.stop();
    await sts.stop();
    aws.restore();
    await held.close();
  };
}

/** Runs a command in this process, since ten processes would take seconds. @throws the error that it tells */
async function run(args: readonly string[]): Promise<string> {
  let output = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += text;
    return true;
  });
  try {
    await commandLine().parseAsync(args, { from: 'user' });
    return output;
  } finally {
    write.mockRestore();
  }
}
const operate = (...args: string[]) => run([...args, '--state', state]);
/** With clients that find the service as they would find AWS. */
async function operateInCloud(...args: string[]): Promise<string> {
  for (const [name, value] of Object.entries(inCloud)) vi.stubEnv(name, value);
  try {
    return await run([...args, '--table', 'Table']);
  } finally {
    vi.unstubAllEnvs();
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-administration-'));
  state = join(folder, 'state');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('an operator', () => {
  it('is told that no service was started', async () => {
    await expect(operate('tenants', 'list')).rejects.toThrow(
      /service\.json: no service was started with this folder; slingshot up does that$/,
    );
  });

  it('adds tenants and keys while the service runs', async () => {
    stopService = await startService();
    expect((await stat(state)).mode & 0o077).toBe(0);
    expect((await stat(join(state, 'service.json'))).mode & 0o077).toBe(0);
    expect(await operate('tenants', 'add', 'acme', '--tier', 'trial')).toMatch(
      /^name {2}tier {3}status {2}degradation {2}keys {2}createdAt\nacme {2}trial {2}active {2}- {12}- {5}\d{4}-/,
    );
    const added = await operate('keys', 'add', 'acme', '--scopes', 'read', '--label', 'web');
    expect(added.split('\n').at(-2)).toMatch(/^sl_live_\w{62}$/);
    await expect(operate('keys', 'add', 'acme', '--scopes', 'everything')).rejects.toThrow(
      'scopes everything: there are generate, batch, read, admin',
    );
  });

  it('acts on a deployment in the cloud by the names of its outputs', async () => {
    expect(JSON.parse(await operateInCloud('tenants', 'list', '--json'))).toEqual([
      expect.objectContaining({ name: 'acme', keys: [expect.any(String)] }),
    ]);
    await expect(operateInCloud('tenants', 'delete', 'acme', '--yes')).rejects.toThrow(
      'delete: in the cloud it needs --bucket and --state-machine, too',
    );
    await operateInCloud('tenants', 'disable', 'acme');
  });

  it('reads what a service left that was stopped, with every act in the audit record', async () => {
    await stopService();
    expect(JSON.parse(await operate('keys', 'list', 'acme', '--json'))).toEqual([
      expect.objectContaining({ tenant: 'acme', scopes: ['read'], label: 'web', disabled: false }),
    ]);
    expect(JSON.parse(await operate('usage', 'acme', '--json'))).toEqual([]);
    await operate('tenants', 'delete', 'acme', '--yes');
    const audit = JSON.parse(await operate('tenants', 'audit', '--json'));
    expect(audit.map(({ act, actor }: Record<string, string>) => [act, actor])).toEqual([
      ['tenants add', userInfo().username],
      ['keys add', userInfo().username],
      ['tenants set', 'arn:aws:iam::000000000000:user/operator'],
      ['tenants delete', userInfo().username],
    ]);
  });
});
