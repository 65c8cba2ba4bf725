import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { objectDays } from '../../functions/contracts/stored.ts';
import { acknowledge } from './acknowledge.ts';
import { pinLogicalId } from './logical-id.ts';
import { keyOf } from './surroundings.ts';

/** Where lies what is too large, or too private, to pass through a state machine. */
export function envelopeBucket(scope: Construct): Bucket {
  const encryptionKey = keyOf(scope);
  const bucket = new Bucket(scope, 'Envelopes', {
    ...(encryptionKey
      ? { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    lifecycleRules: [{ expiration: Duration.days(objectDays), abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    removalPolicy: RemovalPolicy.RETAIN,
  });
  pinLogicalId(bucket, 'Envelopes');
  // What is dropped into it is told to EventBridge. The property of the construct would take a function to set it.
  (bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
    eventBridgeConfiguration: { eventBridgeEnabled: true },
  };
  acknowledge(bucket, {
    S1: 'Access logs would outlive the envelopes, which are intermediate results that expire by themselves.',
  });
  return bucket;
}
