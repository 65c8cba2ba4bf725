import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { guardTable } from './iam/dynamodb-guard.ts';
import type { Identities } from './iam/identities.ts';
import { Refused } from './iam/signature.ts';
import { mendLevel } from './level-for-dynalite.ts';
import { close, listen } from './listen.ts';
import { readBody } from './read-body.ts';
import type { LocalService } from './service.ts';

export interface LocalDynamoDbOptions {
  /** Tables to make, keyed by `pk` and `sk`. */
  readonly tables: readonly string[];
  readonly identities: Identities;
  /** Where the tables are kept; in memory when absent. */
  readonly folder?: string;
}

/** DynamoDB on loopback: dynalite behind a guard that asks IAM's rules. */
export async function startDynamoDb({ tables, identities, folder }: LocalDynamoDbOptions): Promise<LocalService> {
  mendLevel();
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, ...(folder ? { path: folder } : {}) });
  const settle = guard(server, identities);
  const url = await listen(server);
  const stop = async () => {
    // Closing it closes what it keeps, too, under the hands of whoever is at work.
    await settle();
    await close(server);
  };
  try {
    await makeTables(url, tables, identities);
  } catch (error) {
    await stop();
    throw error;
  }
  return { environment: { AWS_ENDPOINT_URL_DYNAMODB: url }, stop };
}

/**
 * Puts the guard between a server and what handles its requests.
 *
 * @returns what lets requests in no more, and waits for those that are at work
 */
function guard(server: Server, identities: Identities): () => Promise<void> {
  const working = new Set<Promise<void>>();
  let isOpen = true;
  const [handle] = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request).catch(() => undefined);
    if (!body) return;
    if (!isOpen) {
      response.destroy();
      return;
    }
    const { method = '', url = '', headers } = request;
    try {
      guardTable(identities, { method, url, headers, body });
    } catch (error) {
      refuse(response, error);
      return;
    }
    const replayed = Object.assign(Readable.from(body.length > 0 ? [body] : []), { method, url, headers });
    const { promise, resolve } = Promise.withResolvers<void>();
    working.add(promise);
    const end = response.end.bind(response);
    response.end = ((...args: Parameters<typeof end>) => {
      working.delete(promise);
      resolve();
      return end(...args);
    }) as typeof end;
    handle.call(server, replayed, response);
  });
  return async () => {
    isOpen = false;
    await Promise.race([Promise.all(working), sleep(settleMilliseconds, undefined, { ref: false })]);
  };
}

/** An operation takes a few milliseconds. */
const settleMilliseconds = 1_000;
/** As making a table does. */
const activeMilliseconds = 10_000;

function refuse(response: ServerResponse, error: unknown): void {
  const { code, message } = error instanceof Refused ? error : new Refused('InternalFailure', '', 500);
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: `com.amazon.coral.service#${code}`, message }));
}

async function makeTables(endpoint: string, tables: readonly string[], { operator }: Identities): Promise<void> {
  const client = new DynamoDBClient({ endpoint, region: 'local', credentials: operator });
  try {
    const { TableNames = [] } = await client.send(new ListTablesCommand({}));
    for (const name of tables.filter((name) => !TableNames.includes(name))) {
      await client.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
        }),
      );
    }
    for (const name of tables) await untilActive(client, name);
  } finally {
    client.destroy();
  }
}

/** A table is told to be made before it can be used. @throws Error where that does not end */
async function untilActive(client: DynamoDBClient, name: string): Promise<void> {
  for (const until = Date.now() + activeMilliseconds; Date.now() < until; await sleep(5)) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === 'ACTIVE') return;
  }
  throw new Error(
    `table ${name} cannot be used: the service was ended while it was made; start with another state folder`,
  );
}
