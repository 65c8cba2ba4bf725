import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { AbstractLevel } from 'abstract-level';
import { expect, it, vi } from 'vitest';
import { Partition } from '../../../functions/shared/table/partition.ts';
import { startDynamoDb } from '../../../lib/local/dynamodb.ts';
import { Identities } from '../../../lib/local/iam/identities.ts';

const operator = { accessKeyId: 'AKIAOPERATOR', secretAccessKey: 'secret' };

it.each(['in memory', 'in a folder'])('nothing that queries have opened stays open, %s', async (where) => {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-table-'));
  const opened = vi.spyOn(AbstractLevel.prototype, 'attachResource');
  const closed = vi.spyOn(AbstractLevel.prototype, 'detachResource');
  const { environment, stop } = await startDynamoDb({
    ...{ tables: ['table'], identities: new Identities(operator) },
    ...(where === 'in a folder' ? { folder } : {}),
  });
  const endpoint = environment.AWS_ENDPOINT_URL_DYNAMODB;
  const client = new DynamoDBClient({ endpoint, region: 'local', credentials: operator });
  try {
    const partition = new Partition(DynamoDBDocumentClient.from(client), 'p', 'table');
    for (const key of ['a1', 'a2', 'a3', 'b1']) await partition.put(key, { key });
    expect(await partition.query({ prefix: 'a' })).toHaveLength(3);
    // Ended before there was nothing more to read.
    expect(await partition.query({ prefix: 'a', limit: 1 })).toHaveLength(1);
    expect(await partition.query({ prefix: 'c' })).toEqual([]);
    expect(opened.mock.calls.length).toBeGreaterThanOrEqual(3);
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(opened.mock.calls.length));
  } finally {
    client.destroy();
    await stop();
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  }
});

it('a table can be used as soon as the service has started, however long its files take', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-table-'));
  const { put } = AbstractLevel.prototype as unknown as { put: (...args: unknown[]) => Promise<void> };
  vi.spyOn(AbstractLevel.prototype, 'put').mockImplementation(async function (this: unknown, ...args: unknown[]) {
    await sleep(30);
    return put.apply(this, args);
  });
  const started = await startDynamoDb({ tables: ['table'], identities: new Identities(operator), folder });
  const endpoint = started.environment.AWS_ENDPOINT_URL_DYNAMODB;
  const client = new DynamoDBClient({ endpoint, region: 'local', credentials: operator });
  try {
    await new Partition(DynamoDBDocumentClient.from(client), 'p', 'table').put('a', { kept: true });
  } finally {
    client.destroy();
    await started.stop();
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  }
});
