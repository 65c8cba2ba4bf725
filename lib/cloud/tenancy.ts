import { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { AccountRootPrincipal, CfnRole, type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Tiers } from '../../functions/contracts/tiers.ts';
import { ownerPrefix } from '../../functions/shared/object-store.ts';
import { partitionOf } from '../../functions/shared/table/tenant-table.ts';
import { tenantTag } from '../../functions/shared/tenant-clients.ts';
import { acknowledge } from './acknowledge.ts';
import { mayUseKey } from './customer-key.ts';
import { arnInFindings } from './logical-id.ts';
import { sessionRole } from './session-role.ts';

export interface TenancyProps {
  readonly bucket: Bucket;
  readonly table: Table;
  readonly tiers: Tiers;
}

/** What a session's policy has in the place of the tenant's name. */
const taggedTenant = `\${aws:PrincipalTag/${tenantTag}}`;

/** All operations on items but those that take no key, or a query instead of one. */
const itemActions = [
  'GetItem',
  'BatchGetItem',
  'Query',
  'PutItem',
  'UpdateItem',
  'DeleteItem',
  'BatchWriteItem',
  'ConditionCheckItem',
].map((action) => `dynamodb:${action}`);

/**
 * What tells tenants' data apart in the service's table and bucket: the role that a function takes on, for one tenant at a time,
 * to touch that tenant's items and objects. No function may touch them otherwise.
 */
export class Tenancy {
  readonly table: Table;
  /** Settings of every function that acts for tenants. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #scope: Construct;
  /**
   * Of the roles that may take the tenant role on: those that actsForTenants is given, and no others. A list of them would
   * pass the 2,048 characters that IAM takes of trust.
   */
  readonly #path: string;
  readonly #roleArn: string;

  constructor(scope: Construct, { bucket, table, tiers }: TenancyProps) {
    this.#scope = scope;
    this.table = table;
    const own = new PolicyDocument({ statements: tenantStatements(scope, this.table, bucket) });
    const stack = Stack.of(scope);
    this.#path = `/slingshot/${stack.stackName}/for-tenants/`;
    const trusted = stack.formatArn({ service: 'iam', region: '', resource: `role${this.#path}*` });
    const trust = new PolicyStatement({
      principals: [new AccountRootPrincipal()],
      actions: ['sts:AssumeRole', 'sts:TagSession'],
      conditions: {
        ArnLike: { 'aws:PrincipalArn': trusted },
        StringLike: { [`aws:RequestTag/${tenantTag}`]: '?*' },
        'ForAllValues:StringEquals': { 'aws:TagKeys': [tenantTag] },
      },
    });
    const role = new CfnRole(scope, 'TenantRole', {
      assumeRolePolicyDocument: new PolicyDocument({ statements: [trust] }),
      policies: [{ policyName: 'Own', policyDocument: own }],
    });
    role.addMetadata(sessionRole, true);
    this.#roleArn = role.attrArn;
    acknowledge(role, {
      // As the finding spells a variable of the policy.
      [`IAM5[Resource::${arnInFindings(scope, bucket)}/${ownerPrefix(taggedTenant.replace(/^\$\{(.*)\}$/, '<$1>'))}/*]`]:
        "All that lies under the prefix of the session's tenant.",
    });
    this.environment = {
      SLINGSHOT_TABLE: this.table.tableName,
      SLINGSHOT_TENANT_ROLE: role.attrArn,
      SLINGSHOT_TIERS: JSON.stringify(tiers),
    };
  }

  /** Lets a function act for tenants, for each in a session of its own. */
  actsForTenants(role: IRole): void {
    (role.node.defaultChild as CfnRole).path = this.#path;
    role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['sts:AssumeRole', 'sts:TagSession'], resources: [this.#roleArn] }),
    );
  }

  /** A right to the items under partition keys of the service itself, which belong to no tenant. */
  mayTouch(actions: readonly string[], partitions: readonly string[]): PolicyStatement[] {
    return [
      new PolicyStatement({
        actions: actions.map((action) => `dynamodb:${action}`),
        resources: [this.table.tableArn],
        conditions: {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions },
          Null: { 'dynamodb:LeadingKeys': 'false' },
        },
      }),
      ...mayUseKey(this.#scope),
    ];
  }
}

function tenantStatements(scope: Construct, table: Table, bucket: Bucket): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: itemActions,
      resources: [table.tableArn],
      conditions: {
        'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [partitionOf(taggedTenant)] },
        // Of a request that names no key, the condition above would hold.
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    }),
    new PolicyStatement({
      actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
      resources: [bucket.arnForObjects(`${ownerPrefix(taggedTenant)}/*`)],
    }),
    ...mayUseKey(scope),
  ];
}
