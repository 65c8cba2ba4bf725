import { Duration } from 'aws-cdk-lib';
import { type IAuthorizer, TokenAuthorizer } from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { keyPartition, tenantsPartition } from '../../functions/contracts/tenant.ts';
import { authoriserCacheSeconds } from '../../functions/contracts/tiers.ts';
import { lambdaFunction } from './lambda-function.ts';
import type { Tenancy } from './tenancy.ts';
import type { TimeBudget } from './time-budget.ts';

/** What looks up API keys for the API. It may read keys and tenants' standing, and nothing of a tenant's. */
export function authoriser(
  scope: Construct,
  { tenancy, budget }: { readonly tenancy: Tenancy; readonly budget: TimeBudget },
): IAuthorizer {
  const handler = lambdaFunction(scope, 'Authorise', {
    ...{ folder: 'authorise', timeout: budget.compute },
    environment: tenancy.environment,
    statements: tenancy.mayTouch(['GetItem'], [keyPartition('*'), tenantsPartition]),
  });
  return new TokenAuthorizer(scope, 'Authoriser', {
    handler,
    resultsCacheTtl: Duration.seconds(authoriserCacheSeconds),
    // What cannot be a key is refused by API Gateway itself.
    validationRegex: '^[Bb]earer +sl_live_[0-9A-Za-z_]{62} *$',
  });
}
