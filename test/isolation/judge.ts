import type { Act, Clients } from './acts.ts';
import { secret } from './world.ts';

/** How an act came out. */
export interface Outcome {
  readonly denied: boolean;
  /** As long as it took, in milliseconds. */
  readonly milliseconds: number;
}

/** Answers that refuse whoever asks, and tell nothing of what is there. */
const refusals = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'UnknownOperationException',
  'ValidationError',
  'InvalidURI',
]);
/** Of a HEAD request, which has no body to say more in. */
const bare = ['403', 'Unknown', 'UnknownError'];

/**
 * Does an act and holds its outcome to what it may be: what concerns the actor's own data alone is not refused, and
 * anything else is, with an answer that says nothing of what is there.
 *
 * @throws Error naming the act
 */
export async function judge(act: Act, clients: Clients): Promise<Outcome> {
  const started = performance.now();
  let answer: unknown;
  let failure: (Error & { $metadata?: { httpStatusCode?: number }; code?: string }) | undefined;
  try {
    answer = await act.send(clients);
  } catch (error) {
    failure = error as Error;
  }
  const milliseconds = performance.now() - started;
  const told = JSON.stringify([answer, failure && { ...failure, message: failure.message }]);
  if (told.includes(secret)) throw new Error(`${act.name}: was told ${told}`);
  const denied =
    failure !== undefined &&
    (refusals.has(failure.name) ||
      (bare.includes(failure.name) && [400, 403].includes(failure.$metadata?.httpStatusCode ?? 0)));
  if (!act.own && !denied) throw new Error(`${act.name}: was not refused, but answered ${told}`);
  if (act.own && denied) throw new Error(`${act.name}: is the actor's own, and was refused as ${failure?.name}`);
  return { denied, milliseconds };
}
