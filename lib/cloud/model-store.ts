import { RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { pinLogicalId } from './logical-id.ts';
import { keyOf } from './surroundings.ts';

/** Where tenants' own models lie once they are validated; an endpoint that grows reads them again. */
export function modelStore(scope: Construct): Bucket {
  const encryptionKey = keyOf(scope);
  const bucket = new Bucket(scope, 'ModelStore', {
    ...(encryptionKey
      ? { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  pinLogicalId(bucket, 'ModelStore');
  acknowledge(bucket, { S1: 'It is written by one function and read by endpoints, whose own logs say when.' });
  return bucket;
}
