import { describe, expect, it } from 'vitest';
import { emptyLedger, type State } from '../../functions/contracts/generation.ts';
import { pauses, settleBlock as settle, timeoutRetries } from '../../functions/settle-block/settle-block.ts';
import { callsOf, type Generation } from '../../models/ssd2/generation.ts';
import { startOfBlock } from '../../models/ssd2/step.ts';
import { everywhere, generationOf } from '../support/generation.ts';

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
/** Without patience for what wakes. */
const settleBlock = (block: Parameters<typeof settle>[0], redrives: number) => settle(block, redrives, 0);
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

describe('settle-block, when a member’s endpoint does not answer', () => {
  const core = { name: 'core', coefficient: 1, routes: everywhere('goliath') };
  const members = [
    { ...core, coefficient: 0.5 },
    { name: 'tenant:acme', coefficient: 1, routes: everywhere('david') },
    { name: 'prompt-only:acme', coefficient: -0.5, routes: everywhere('david') },
  ];
  const fallback = { members: [core], atLoss: true };
  /** At its second block, some steps in. */
  const begun: Generation = { ...generationOf({ members, fallback, selfConditioning: 'own' }), block: 1, step: 2 };
  const inFlight = { ...begun, lanes: begun.lanes.map((lane) => ({ ...lane, committed: [7, 8, 9], steps: 12 })) };
  const from = (generation: Generation): State => ({
    ...{ ...state, contexts: [[null], [null], [null], [null]] },
    step: { ...state.step, generation, calls: callsOf(generation), previous: [null, null, null] },
  });
  const names = ['EndpointUnavailable', 'EndpointWaking', 'EndpointTimeout', 'EndpointRejected', 'BadAnswer'];
  const lost = (name: string, endpoint: string, generation: Generation = inFlight) =>
    settle(
      failed({ Error: name, Cause: JSON.stringify({ errorMessage: `endpoint ${endpoint}: gone` }) }, from(generation)),
      0,
      // Whoever goes on without waits for nothing.
      240,
    );

  it.each(names)('begins the block again by the core alone: %s', (name) => {
    const { step, contexts } = lost(name, 'david');
    expect(step).toMatchObject({ previous: [null], turn: 'continue', generation: { block: 1, step: 0 } });
    expect(step.generation.lanes).toEqual(inFlight.lanes.map((lane) => ({ ...lane, state: startOfBlock })));
    const without = ['tenant:acme', 'prompt-only:acme'];
    expect(step.ledger.degraded).toEqual({ without, block: 1, error: name });
    expect(step.calls).toEqual([expect.objectContaining({ member: 'core', endpoint: { endpoint: 'goliath' } })]);
    // What a member alone may see stands before it.
    expect(step.calls[0].context).toBe(contexts.length - 1);
  });

  it('fails where the core is lost, before or after the tenant’s model', () => {
    expect(() => lost('EndpointTimeout', 'goliath')).toThrow('endpoint goliath: gone');
    const { generation } = lost('EndpointTimeout', 'david').step;
    expect(() => lost('EndpointTimeout', 'goliath', generation)).toThrow('endpoint goliath: gone');
    expect(() => lost('EndpointTimeout', 'david', generation)).toThrow('endpoint david: gone');
  });

  it('fails by what is no model’s fault, and where the request does not go on without', () => {
    for (const name of ['StoreUnavailable', 'ContractViolation', 'Cancelled']) {
      expect(() => lost(name, 'david')).toThrow(expect.objectContaining({ name }));
    }
    const none = { ...inFlight, decoding: { ...inFlight.decoding, fallback: { ...fallback, from: 2, atLoss: false } } };
    expect(() => lost('EndpointTimeout', 'david', none)).toThrow('endpoint david: gone');
    expect(() =>
      lost('EndpointTimeout', 'david', { ...inFlight, decoding: generationOf({ members }).decoding }),
    ).toThrow('endpoint david: gone');
  });

  it('tries again with all members where an operator redrives it', () => {
    const again = settleBlock(failed({ Error: 'EndpointTimeout', Cause: 'endpoint david: gone' }, from(inFlight)), 1);
    expect(again.step.calls).toHaveLength(3);
  });
});

describe('settle-block, when a model wakes', () => {
  const asleep = (from: State) => failed({ Error: 'EndpointWaking', Cause: 'endpoint david: has no capacity' }, from);

  it('has the block wait, again and again, for as long as was said, and then fails by that name', () => {
    for (const seconds of [0, 1, 10, 240]) {
      const { most, seconds: pause } = pauses(seconds);
      let current = state;
      let waited = 0;
      for (let i = 1; i <= most; i++) {
        current = settle(asleep(current), 0, seconds);
        expect(current).toEqual({ ...state, retries: { ...state.retries, waking: i }, pause });
        waited += pause;
      }
      expect(waited).toBeLessThanOrEqual(seconds);
      expect(waited).toBeGreaterThan(seconds - pause);
      const error = { name: 'EndpointWaking', message: expect.stringContaining(`did not wake within ${waited} s`) };
      expect(() => settle(asleep(current), 0, seconds)).toThrow(expect.objectContaining(error));
    }
  });

  it('lets nothing else wait that comes after', () => {
    const paused = settle(asleep(state), 0, 240);
    expect(settle(failed({ Status: 'TIMED_OUT' }, paused), 0, 240)).not.toHaveProperty('pause');
  });
});
