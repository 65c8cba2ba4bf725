import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalAws } from '../../../lib/local/aws-environment.ts';
import { startDynamoDb } from '../../../lib/local/dynamodb.ts';
import { Identities } from '../../../lib/local/iam/identities.ts';
import { startS3 } from '../../../lib/local/s3.ts';
import { openStateFolder } from '../../../lib/local/state-folder.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-kept-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the state folder of a service that is killed outright', () => {
  it('has all that was put into it, and nothing in part', async () => {
    const state = join(folder, 'state');
    const program = join(import.meta.dirname, '..', '..', 'support', 'keep-writing.ts');
    let last = -1;
    for (const lives of [40, 25]) {
      const child = spawn(process.execPath, [program, state], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      for await (const chunk of child.stdout) {
        output += chunk;
        // As long as the processor lets it live: at some moment within a write.
        if (output.split('\n').length > lives) child.kill('SIGKILL');
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
      last = Number(output.split('\n').at(-2));
      expect(last).toBeGreaterThan(10);
    }
    const held = await openStateFolder(state);
    await expect(openStateFolder(state)).rejects.toThrow('is in use by process');
    const aws = new LocalAws();
    const identities = new Identities(aws.credentials);
    const services = [
      await startDynamoDb({ tables: ['Table'], identities, folder: held.dynamodb }),
      await startS3({ buckets: ['bucket'], identities, folder: held.s3 }),
    ];
    for (const service of services) aws.add(service);
    try {
      const [items, objects] = [new DynamoDBClient({}), new S3Client({ forcePathStyle: true })];
      const textOf = async (Key: string) =>
        (await objects.send(new GetObjectCommand({ Bucket: 'bucket', Key }))).Body?.transformToString();
      for (let number = 0; number <= last; number++) {
        const key = { pk: { S: 'a' }, sk: { S: String(number) } };
        const { Item } = await items.send(new GetItemCommand({ TableName: 'Table', Key: key }));
        expect(Item, `item ${number}`).toEqual(key);
        expect((await textOf(`some/${number}`)) === String(number).repeat(20_000), `object ${number}`).toBe(true);
      }
      const again = (await textOf('again')) ?? '';
      const number = again.slice(0, again.length / 20_000);
      expect(again === number.repeat(20_000)).toBe(true);
      expect(Number(number)).toBeGreaterThanOrEqual(last);
    } finally {
      for (const { stop } of services) await stop();
      aws.restore();
      await held.close();
    }
  });
});
