import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { pinLogicalId } from './logical-id.ts';
import { keyOf } from './surroundings.ts';

/** The account's own key for all that holds data: table, buckets, state machines, logs. What it encrypted is lost with it. */
export function customerKey(scope: Construct): IKey {
  const key = new Key(scope, 'CustomerKey', { enableKeyRotation: true, removalPolicy: RemovalPolicy.RETAIN });
  pinLogicalId(key, 'CustomerKey');
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal(`logs.${Aws.REGION}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': Stack.of(scope).formatArn({ service: 'logs', resource: '*' }),
        },
      },
    }),
  );
  return key;
}

/** What a role needs beside its right to what the key encrypts. */
export function mayUseKey(scope: Construct): PolicyStatement[] {
  const key = keyOf(scope);
  if (!key) return [];
  return [new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [key.keyArn] })];
}
