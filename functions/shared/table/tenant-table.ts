import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { setting } from '../environment.ts';
import { tenantClients } from '../tenant-clients.ts';
import { Partition } from './partition.ts';

export const partitionOf = (tenant: string) => `TENANT#${tenant}`;

/** One tenant's part of the table. Its client can read and write nothing else. */
export class TenantTable extends Partition {
  constructor(client: DynamoDBDocumentClient, tenant: string, name: string) {
    super(client, partitionOf(tenant), name);
  }

  /** With the tenant's own credentials. */
  static of(tenant: string): TenantTable {
    return new TenantTable(tenantClients(tenant).table, tenant, setting('SLINGSHOT_TABLE'));
  }
}
