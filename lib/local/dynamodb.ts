import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { guardTable } from './iam/dynamodb-guard.ts';
import type { Identities } from './iam/identities.ts';
import { Refused } from './iam/signature.ts';
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
  const store = dynalite({ createTableMs: 0, deleteTableMs: 0, ...(folder ? { path: folder } : {}) });
  const server = guarded(store, identities);
  const url = await listen(server);
  const stop = async () => {
    await close(server);
    // It was never listening: closing it closes what it keeps.
    await new Promise<void>((resolve) => store.close(() => resolve()));
  };
  try {
    await makeTables(url, tables);
  } catch (error) {
    await stop();
    throw error;
  }
  return { environment: { AWS_ENDPOINT_URL_DYNAMODB: url }, stop };
}

function guarded(store: Server, identities: Identities): Server {
  return createServer(async (request, response) => {
    const body = await readBody(request).catch(() => undefined);
    if (!body) return;
    const { method = '', url = '', headers } = request;
    try {
      guardTable(identities, { method, url, headers, body });
    } catch (error) {
      refuse(response, error);
      return;
    }
    const replayed = Object.assign(Readable.from(body.length > 0 ? [body] : []), { method, url, headers });
    store.emit('request', replayed as unknown as IncomingMessage, response);
  });
}

function refuse(response: ServerResponse, error: unknown): void {
  const { code, message } = error instanceof Refused ? error : new Refused('InternalFailure', '', 500);
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: `com.amazon.coral.service#${code}`, message }));
}

async function makeTables(endpoint: string, tables: readonly string[]): Promise<void> {
  const client = new DynamoDBClient({ endpoint });
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
  } finally {
    client.destroy();
  }
}
