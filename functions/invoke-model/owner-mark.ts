import { createHmac } from 'node:crypto';
import type { Run } from '../contracts/generation.ts';
import { setting } from '../shared/environment.ts';

/**
 * Whose a generation is, as endpoints are told: the same for all of a tenant's, another for every generation without a
 * tenant, and no name. A model keeps contexts by it, so a caller must not choose it: it is made of what the execution's
 * starter was allowed to ask as, and of the deployment's id, which no endpoint knows.
 */
export function ownerMark({ tenant, id }: Pick<Run, 'tenant' | 'id'>): string {
  const owner = tenant === null ? ['generation', id] : ['tenant', tenant];
  return createHmac('sha256', setting('SLINGSHOT_DEPLOYMENT'))
    .update(owner.join('\0'))
    .digest('base64url')
    .slice(0, 22);
}
