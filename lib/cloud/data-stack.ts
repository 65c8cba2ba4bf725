import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Settings } from '../config/schema.ts';
import { customerKey } from './customer-key.ts';
import { envelopeBucket } from './envelope-bucket.ts';
import { modelStore } from './model-store.ts';
import { serviceTable } from './service-table.ts';
import { type Surroundings, surround } from './surroundings.ts';

export interface DataStackProps extends StackProps {
  readonly settings: Settings;
}

/** All that would be lost: table, buckets, and the key for them. It stays when the stack goes, and the stack cannot go by mistake. */
export class DataStack extends Stack {
  readonly surroundings: Surroundings;
  readonly table: Table;
  readonly bucket: Bucket;
  /** Of tenants' own models. */
  readonly modelStore: Bucket;

  constructor(scope: Construct, id: string, { settings, ...props }: DataStackProps) {
    const { keys, retention } = settings;
    super(scope, id, { terminationProtection: retention.protectData, ...props });
    this.surroundings = { logDays: retention.logDays, ...(keys.customer ? { key: customerKey(this) } : {}) };
    surround(this, this.surroundings);
    this.bucket = envelopeBucket(this);
    this.modelStore = modelStore(this);
    this.table = serviceTable(this);
    new CfnOutput(this, 'TableName', { value: this.table.tableName });
    new CfnOutput(this, 'ModelStoreName', { value: this.modelStore.bucketName });
    new CfnOutput(this, 'BucketName', { value: this.bucket.bucketName });
  }
}
