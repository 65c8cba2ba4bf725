import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { connections } from '../connections.ts';
import { setting } from '../environment.ts';
import { Partition } from './partition.ts';

let client: DynamoDBDocumentClient | undefined;

/** A partition that belongs to no tenant, with the function's own rights. */
export function servicePartition(partition: string): Partition {
  client ??= DynamoDBDocumentClient.from(new DynamoDBClient({ requestHandler: connections }));
  return new Partition(client, partition, setting('SLINGSHOT_TABLE'));
}
