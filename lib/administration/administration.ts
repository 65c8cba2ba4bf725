import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { Partition } from '../../functions/shared/table/partition.ts';
import { partitionOf } from '../../functions/shared/table/tenant-table.ts';

/** A deployment, here or in the cloud, with an operator's rights. */
export interface Administration {
  readonly table: { readonly client: DynamoDBDocumentClient; readonly name: string };
  readonly bucket: { readonly client: S3Client; readonly name: string };
  /** Where generations run; absent where nothing runs. */
  readonly generations?: { readonly client: SFNClient; readonly stateMachineArn: string };
  /** How tenants' own models are deployed; absent where nothing runs. */
  readonly models?: {
    readonly deployModelArn: string;
    readonly prefix: string;
    readonly endpoints: readonly string[];
    /** The core's folder on this machine, by which a model is checked before it is sent. */
    readonly core: string;
  };
  /** Names of the deployment's tiers. */
  readonly tiers: readonly string[];
  /** Who acts, for the audit record. */
  readonly actor: string;
}

export function partition({ table }: Pick<Administration, 'table'>, name: string): Partition {
  return new Partition(table.client, name, table.name);
}

export function tenantPartition(administration: Pick<Administration, 'table'>, tenant: string): Partition {
  return partition(administration, partitionOf(tenant));
}
