import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { surroundingsOf } from './surroundings.ts';

/** A group of logs, which hold names and numbers but no text of a tenant's. */
export function logs(scope: Construct, id: string, logGroupName?: string): LogGroup {
  const { key: encryptionKey, logDays } = surroundingsOf(scope);
  return new LogGroup(scope, id, {
    ...(logGroupName === undefined ? {} : { logGroupName }),
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
    retention: logDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}
