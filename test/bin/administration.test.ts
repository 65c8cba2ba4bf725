import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalAws } from '../../lib/local/aws-environment.ts';
import { startDynamoDb } from '../../lib/local/dynamodb.ts';
import { Identities } from '../../lib/local/iam/identities.ts';
import { startSts } from '../../lib/local/iam/sts.ts';
import { startS3 } from '../../lib/local/s3.ts';
import { openStateFolder } from '../../lib/local/state-folder.ts';
import { slingshot } from '../support/command-line.ts';

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

const operate = (...args: string[]) => slingshot([...args, '--state', state]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-administration-'));
  state = join(folder, 'state');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('an operator', () => {
  it('is told that no service was started', async () => {
    const { code, stderr } = await operate('tenants', 'list');
    expect(stderr).toMatch(
      /^slingshot: .*service\.json: no service was started with this folder; slingshot up does that\n$/,
    );
    expect(code).toBe(1);
  });

  it('adds tenants and keys while the service runs', async () => {
    stopService = await startService();
    expect((await stat(state)).mode & 0o077).toBe(0);
    expect((await stat(join(state, 'service.json'))).mode & 0o077).toBe(0);
    expect((await operate('tenants', 'add', 'acme', '--tier', 'trial')).stdout).toMatch(
      /^name {2}tier {3}status {2}keys {2}createdAt\nacme {2}trial {2}active {2}- {5}\d{4}-/,
    );
    const added = await operate('keys', 'add', 'acme', '--scopes', 'read', '--label', 'web');
    expect(added.stdout.split('\n').at(-2)).toMatch(/^sl_live_\w{62}$/);
    const wrong = await operate('keys', 'add', 'acme', '--scopes', 'everything');
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      'slingshot: scopes everything: there are generate, batch, read, admin\n',
    ]);
  });

  it('acts on a deployment in the cloud by the names of its outputs', async () => {
    const cloud = await slingshot(['tenants', 'list', '--table', 'Table', '--json'], { env: inCloud });
    expect(JSON.parse(cloud.stdout)).toEqual([expect.objectContaining({ name: 'acme', keys: [expect.any(String)] })]);
    const missing = await slingshot(['tenants', 'delete', 'acme', '--yes', '--table', 'Table'], { env: inCloud });
    expect(missing.stderr).toBe('slingshot: delete: in the cloud it needs --bucket and --state-machine, too\n');
    await slingshot(['tenants', 'disable', 'acme', '--table', 'Table'], { env: inCloud });
  });

  it('reads what a service left that was stopped, with every act in the audit record', async () => {
    await stopService();
    const keys = JSON.parse((await operate('keys', 'list', 'acme', '--json')).stdout);
    expect(keys).toEqual([
      expect.objectContaining({ tenant: 'acme', scopes: ['read'], label: 'web', disabled: false }),
    ]);
    expect(JSON.parse((await operate('usage', 'acme', '--json')).stdout)).toEqual([]);
    expect((await operate('tenants', 'delete', 'acme', '--yes')).code).toBe(0);
    const audit = JSON.parse((await operate('tenants', 'audit', '--json')).stdout);
    expect(audit.map(({ act, actor }: Record<string, string>) => [act, actor])).toEqual([
      ['tenants add', userInfo().username],
      ['keys add', userInfo().username],
      ['tenants set', 'arn:aws:iam::000000000000:user/operator'],
      ['tenants delete', userInfo().username],
    ]);
  });
});
