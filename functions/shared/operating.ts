import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type TenantRecord, tenantsPartition } from '../contracts/tenant.ts';
import { Partition } from './table/partition.ts';

/** A deployment's table, with rights to tenants' records and keys, and who uses them. */
export interface Operating {
  readonly table: { readonly client: DynamoDBDocumentClient; readonly name: string };
  /** Who acts, for the audit record. */
  readonly actor: string;
}

export function partition({ table }: Pick<Operating, 'table'>, name: string): Partition {
  return new Partition(table.client, name, table.name);
}

/** @throws Error when there is none */
export async function findTenant(operating: Pick<Operating, 'table'>, name: string): Promise<TenantRecord> {
  const found = await partition(operating, tenantsPartition).get<TenantRecord>(name);
  if (!found) throw new Error(`tenant ${name}: there is none; slingshot tenants list shows those that there are`);
  return found;
}
