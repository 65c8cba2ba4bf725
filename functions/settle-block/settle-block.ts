import { callsOf } from '../../models/ssd2/generation.ts';
import { type State, stateSchema } from '../contracts/generation.ts';
import type { BlockFailure } from '../contracts/settlement.ts';
import { causeMessage } from '../shared/cause-message.ts';
import { fallBack, lossOf } from '../shared/degradation/fall-back.ts';

/** How often a block whose execution took too long is started again, in a generation. */
export const timeoutRetries = 2;

/** The longest that a model which wakes is left alone between two calls. */
const longestPause = 15;

/** How often, and for how many seconds each, a generation waits for a model that wakes. */
export function pauses(wakeSeconds: number): { readonly most: number; readonly seconds: number } {
  const seconds = Math.max(1, Math.min(longestPause, Math.floor(wakeSeconds / 3)));
  return { most: Math.floor(wakeSeconds / seconds), seconds };
}

/**
 * Decides what becomes of a block that did not succeed: it starts again from where its execution started, when its time
 * was up, or when somebody redrives the generation; without the members whose model did not answer, where the request
 * has it so; after a pause, when a model wakes, for as long as a generation may wait for that; else the generation fails
 * as the block did.
 *
 * @param redrives how often the generation was redriven so far
 * @param wakeSeconds how long a generation waits, in all, for models that wake
 * @throws Error under the name that the block failed with
 */
export function settleBlock(
  { Status, Input, Error: name, Cause }: BlockFailure,
  redrives: number,
  wakeSeconds: number,
): State {
  const { pause, ...state } = stateSchema.parse(JSON.parse(Input));
  const { retries } = state;
  if (redrives > retries.redrives) return { ...state, retries: { timedOut: 0, redrives } };
  if (Status === 'TIMED_OUT' && retries.timedOut < timeoutRetries) {
    return { ...state, retries: { ...retries, timedOut: retries.timedOut + 1 } };
  }
  const unnamed = Status === 'TIMED_OUT' ? 'BlockTimedOut' : 'BlockFailed';
  const { generation } = state.step;
  const place = `block ${generation.block}, from step ${generation.step} on`;
  const message = Cause === undefined ? `${place}: its execution ended as ${Status}` : causeMessage(Cause);
  const failure = { name: name || unnamed, message };
  const loss = lossOf(failure);
  const fallen = loss && fallBack(generation, loss);
  if (fallen) {
    const { generation: alone, degraded } = fallen;
    const ledger = { ...state.step.ledger, degraded };
    return {
      ...state,
      step: { generation: alone, calls: callsOf(alone), previous: [null], turn: 'continue', ledger },
    };
  }
  if (name !== 'EndpointWaking') throw Object.assign(new Error(message), failure);
  const { waking = 0 } = retries;
  const { most, seconds } = pauses(wakeSeconds);
  if (waking < most) return { ...state, retries: { ...retries, waking: waking + 1 }, pause: seconds };
  throw Object.assign(new Error(`${message}; it did not wake within ${most * seconds} s`), { name });
}
