import type { Admission } from '../shared/admission.ts';
import type { Headers } from './http.ts';

const daySeconds = 86_400;
const told = ['requests', 'tokens', 'steps'] as const;

/** What is left of a tenant's day: as OpenAI's clients read it, and as the IETF's draft on RateLimit headers has it. */
export function rateLimitHeaders({
  limit,
  remaining,
  reset,
}: Pick<Admission, 'limit' | 'remaining' | 'reset'>): Headers {
  const openAi = ['requests', 'tokens'] as const;
  return {
    ...Object.fromEntries(
      openAi.flatMap((what) => [
        [`x-ratelimit-limit-${what}`, String(limit[what])],
        [`x-ratelimit-remaining-${what}`, String(remaining[what])],
        [`x-ratelimit-reset-${what}`, `${reset}s`],
      ]),
    ),
    'ratelimit-policy': told.map((what) => `"${what}";q=${limit[what]};w=${daySeconds}`).join(', '),
    ratelimit: told.map((what) => `"${what}";r=${remaining[what]};t=${reset}`).join(', '),
  };
}
