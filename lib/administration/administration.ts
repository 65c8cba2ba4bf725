import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { type Operating, partition } from '../../functions/shared/operating.ts';
import type { Partition } from '../../functions/shared/table/partition.ts';
import { partitionOf } from '../../functions/shared/table/tenant-table.ts';

/** A deployment, here or in the cloud, with an operator's rights. */
export interface Administration extends Operating {
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
  /** The state machine that removes tenants' own models, where they are not deployed from here. */
  readonly deployModelArn?: string;
  /** Names of the deployment's tiers. */
  readonly tiers: readonly string[];
}

export function tenantPartition(administration: Pick<Administration, 'table'>, tenant: string): Partition {
  return partition(administration, partitionOf(tenant));
}
