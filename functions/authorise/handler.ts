import type { APIGatewayAuthorizerResult } from 'aws-lambda';
import * as z from 'zod';
import { authorizerContext } from '../contracts/caller.ts';
import { usageKey } from '../contracts/tiers.ts';
import { Unauthorized } from '../shared/errors.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { servicePartition } from '../shared/table/service-partition.ts';
import { authorise } from './authorise.ts';

const eventSchema = z.object({ authorizationToken: z.string(), methodArn: z.string() });

/** API Gateway asks who calls; what it is told goes for the key, on every route, for as long as the cache keeps it. */
export const handler = lambdaHandler(
  eventSchema,
  async ({ authorizationToken, methodArn }): Promise<APIGatewayAuthorizerResult> => {
    const caller = await authorise(authorizationToken, servicePartition);
    if (!caller) throw new Unauthorized();
    const [api, stage] = methodArn.split('/');
    return {
      principalId: caller.tenant,
      policyDocument: {
        Version: '2012-10-17',
        // The whole API: the answer is cached by the key, and a policy for one route would refuse the others.
        Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource: `${api}/${stage}/*` }],
      },
      context: authorizerContext(caller),
      usageIdentifierKey: usageKey(caller.tier),
    };
  },
);
