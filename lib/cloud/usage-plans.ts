import { ApiKey, type Stage, UsagePlan } from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { type Tiers, usageKey } from '../../functions/contracts/tiers.ts';

/**
 * A shield before the functions: all tenants of a tier together have so many requests a second. API Gateway throttles by
 * best effort, so what a tenant may use is counted in the table. The authoriser says which tier a request is of.
 */
export function usagePlans(scope: Construct, stage: Stage, tiers: Tiers): void {
  for (const [tier, { requestsPerSecond }] of Object.entries(tiers)) {
    const name = tier.replaceAll(/(^|-)([a-z])/g, (_, __, letter) => letter.toUpperCase());
    const plan = new UsagePlan(scope, `${name}Plan`, {
      description: `Tenants of the tier ${tier}`,
      throttle: { rateLimit: requestsPerSecond, burstLimit: 2 * requestsPerSecond },
      apiStages: [{ stage }],
    });
    plan.addApiKey(new ApiKey(scope, `${name}Key`, { value: usageKey(tier), description: 'Opens nothing' }));
  }
}
