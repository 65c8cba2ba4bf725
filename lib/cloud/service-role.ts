import { Aws } from 'aws-cdk-lib';
import { PolicyDocument, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** A role that a service takes on for this account only, and what it may do. */
export function serviceRole(
  scope: Construct,
  id: string,
  service: string,
  statements: readonly PolicyStatement[],
): Role {
  return new Role(scope, id, {
    assumedBy: new ServicePrincipal(service, {
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
    inlinePolicies: { Own: new PolicyDocument({ statements: [...statements] }) },
  });
}
