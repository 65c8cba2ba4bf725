import type { IncomingMessage, Server, ServerResponse } from 'node:http';
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
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, ...(folder ? { path: folder } : {}) });
  guard(server, identities);
  const url = await listen(server);
  // Closing it closes what it keeps, too.
  const stop = () => close(server);
  try {
    await makeTables(url, tables, identities);
  } catch (error) {
    await stop();
    throw error;
  }
  return { environment: { AWS_ENDPOINT_URL_DYNAMODB: url }, stop };
}

/** Puts the guard between a server and what handles its requests. */
function guard(server: Server, identities: Identities): void {
  const [handle] = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
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
    handle.call(server, replayed, response);
  });
}

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
  } finally {
    client.destroy();
  }
}
