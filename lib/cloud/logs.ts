import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { keyOf } from './customer-key.ts';

/** A group of logs, which hold names and numbers but no text of a tenant's. */
export function logs(scope: Construct, id: string, logGroupName?: string): LogGroup {
  const encryptionKey = keyOf(scope);
  return new LogGroup(scope, id, {
    ...(logGroupName === undefined ? {} : { logGroupName }),
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}
