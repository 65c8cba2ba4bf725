import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
