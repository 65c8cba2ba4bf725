import type { APIGatewayAuthorizerResult } from 'aws-lambda';
import type { AuthorizerContext } from '../../functions/contracts/caller.ts';
import { authoriserCacheSeconds } from '../../functions/contracts/tiers.ts';

interface Answer {
  readonly context: AuthorizerContext | undefined;
  readonly until: number;
}

/** Keys that API Gateway would remember are many more; here memory is bounded. */
const remembered = 10_000;

/**
 * Asks the authoriser as API Gateway does: what it said of a header goes for all routes, for as long as the cache lasts.
 * That nobody is called so is remembered by nobody.
 *
 * @param handler the authoriser's
 */
export function localAuthoriser(
  handler: (event: unknown) => Promise<unknown>,
  cacheSeconds = authoriserCacheSeconds,
): (authorization: string) => Promise<AuthorizerContext | undefined> {
  const known = new Map<string, Answer>();
  return async (authorization) => {
    const now = performance.now();
    const found = known.get(authorization);
    if (found && found.until > now) return found.context;
    known.delete(authorization);
    const event = {
      type: 'TOKEN',
      authorizationToken: authorization,
      methodArn: 'arn:aws:execute-api:local:000000000000:local/live/GET/',
    };
    try {
      const { context } = (await handler(event)) as APIGatewayAuthorizerResult;
      if (known.size >= remembered) known.delete(known.keys().next().value as string);
      known.set(authorization, { context: context as AuthorizerContext, until: now + 1000 * cacheSeconds });
      return context as AuthorizerContext;
    } catch (error) {
      if ((error as Error).message === 'Unauthorized') return undefined;
      throw error;
    }
  };
}
