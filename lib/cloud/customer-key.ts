import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

const id = 'CustomerKey';

/** The account's own key for all that holds data: bucket, state machines, logs. What it encrypted is lost with it. */
export function customerKey(scope: Construct): void {
  const key = new Key(scope, id, { enableKeyRotation: true, removalPolicy: RemovalPolicy.RETAIN });
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
}

/** The key of the stack that something is in; undefined where there is none. */
export function keyOf(scope: Construct): IKey | undefined {
  for (const parent of scope.node.scopes.toReversed()) {
    const key = parent.node.tryFindChild(id);
    if (key instanceof Key) return key;
  }
  return undefined;
}

/** What a role needs beside its right to what the key encrypts. */
export function mayUseKey(scope: Construct): PolicyStatement[] {
  const key = keyOf(scope);
  if (!key) return [];
  return [new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [key.keyArn] })];
}
