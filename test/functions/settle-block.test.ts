import { describe, expect, it } from 'vitest';
import { emptyLedger, type State } from '../../functions/contracts/generation.ts';
import { settleBlock, timeoutRetries } from '../../functions/settle-block/settle-block.ts';
import { callsOf } from '../../models/ssd2/generation.ts';
import { generationOf } from '../support/generation.ts';

const generation = generationOf();
const state: State = {
  run: {
    ...{ contract: 2, id: 'g', tenant: null, visit: 1 },
    ...{ watched: false, detailed: false, recorded: false, stop: [] },
  },
  ...{ prompts: [[7]], contexts: [[null]] },
  step: { generation, calls: callsOf(generation), previous: [null], turn: 'continue', ledger: emptyLedger(0) },
  retries: { timedOut: 0, redrives: 0 },
};
const failed = (changes: object = {}, from = state) => ({ Status: 'FAILED', Input: JSON.stringify(from), ...changes });

describe('settle-block', () => {
  it('fails as the block did, by name and cause', () => {
    const cause = JSON.stringify({ errorType: 'BadAnswer', errorMessage: 'endpoint goliath: rubbish', trace: [] });
    expect(() => settleBlock(failed({ Error: 'BadAnswer', Cause: cause }), 0)).toThrow(
      expect.objectContaining({ name: 'BadAnswer', message: 'endpoint goliath: rubbish' }),
    );
  });

  it('has a name and a line for a block that has none', () => {
    const line = expect.stringContaining('block 0, from step 0 on: its execution ended as FAILED');
    expect(() => settleBlock(failed(), 0)).toThrow(expect.objectContaining({ name: 'BlockFailed', message: line }));
  });

  it('starts a block again whose time was up, from what it started with, a few times', () => {
    let current = state;
    for (let i = 1; i <= timeoutRetries; i++) {
      current = settleBlock(failed({ Status: 'TIMED_OUT' }, current), 0);
      expect(current).toEqual({ ...state, retries: { timedOut: i, redrives: 0 } });
    }
    expect(() => settleBlock(failed({ Status: 'TIMED_OUT' }, current), 0)).toThrow(
      expect.objectContaining({ name: 'BlockTimedOut' }),
    );
  });

  it('starts it again when the generation is redriven, once each time', () => {
    const error = { Error: 'EndpointUnavailable', Cause: 'gone' };
    const again = settleBlock(failed(error), 1);
    expect(again).toEqual({ ...state, retries: { timedOut: 0, redrives: 1 } });
    expect(() => settleBlock(failed(error, again), 1)).toThrow('gone');
    expect(settleBlock(failed(error, again), 2).retries.redrives).toBe(2);
  });
});
