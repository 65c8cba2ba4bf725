import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { expiryAttribute } from '../../functions/shared/table/partition.ts';
import { pinLogicalId } from './logical-id.ts';
import { keyOf } from './surroundings.ts';

/** The service's one table: keys, tenants, generations, usage. It stays when the stack goes. */
export function serviceTable(scope: Construct): Table {
  const encryptionKey = keyOf(scope);
  const table = new Table(scope, 'Table', {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    timeToLiveAttribute: expiryAttribute,
    ...(encryptionKey
      ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }
      : { encryption: TableEncryption.AWS_MANAGED }),
    removalPolicy: RemovalPolicy.RETAIN,
  });
  pinLogicalId(table, 'Table');
  return table;
}
