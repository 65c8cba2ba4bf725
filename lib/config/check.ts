import { requestSchema } from '../../functions/contracts/request.ts';
import { type Fleet, readFleet } from '../fleet.ts';
import type { Stage } from './load-config.ts';

/** The fleet of a stage's models. @throws Error when models do not go together, or a routing table names none of them */
export async function fleetOf({ settings }: Pick<Stage, 'settings'>): Promise<Fleet> {
  return readFleet(settings.models, settings.routing);
}

/**
 * What schemas cannot tell: whether a stage's settings go with its models, and with the account at hand.
 *
 * @throws Error
 */
export function checkStage(
  { name, account, settings }: Stage,
  { shape: { block } }: Pick<Fleet, 'shape'>,
  { account: credentials }: { readonly account?: string | undefined } = {},
): void {
  const path = (of: string) => `stage ${name}: ${of}`;
  if (account !== undefined && credentials !== undefined && account !== credentials) {
    throw new Error(
      `${path('account')}: is ${account}, and the credentials are of ${credentials}; take those of ${account}`,
    );
  }
  const { steps } = requestSchema.parse({ prompt: 'any' });
  const least = { tokensPerDay: block, stepsPerDay: steps } as const;
  for (const [tier, limits] of Object.entries(settings.quotas)) {
    for (const [limit, needed] of Object.entries(least) as [keyof typeof least, number][]) {
      if (limits[limit] >= needed) continue;
      throw new Error(
        `${path(`quotas.${tier}.${limit}`)}: is ${limits[limit]}, less than one request for one block takes; ${needed} at least`,
      );
    }
  }
}
