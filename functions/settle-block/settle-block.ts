import { callsOf } from '../../models/ssd2/generation.ts';
import { type State, stateSchema } from '../contracts/generation.ts';
import type { BlockFailure } from '../contracts/settlement.ts';
import { causeMessage } from '../shared/cause-message.ts';
import { fallBack, lossOf } from '../shared/degradation/fall-back.ts';

/** How often a block whose execution took too long is started again, in a generation. */
export const timeoutRetries = 2;

/**
 * Decides what becomes of a block that did not succeed: it starts again from where its execution started, when its time
 * was up, or when somebody redrives the generation; without the members whose model did not answer, where the request
 * has it so; else the generation fails as the block did.
 *
 * @param redrives how often the generation was redriven so far
 * @throws Error under the name that the block failed with
 */
export function settleBlock({ Status, Input, Error: name, Cause }: BlockFailure, redrives: number): State {
  const state = stateSchema.parse(JSON.parse(Input));
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
  throw Object.assign(new Error(message), failure);
}
