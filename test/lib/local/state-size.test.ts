import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../../../functions/contracts/request.ts';
import { inlineBytes, stateLimitBytes } from '../../../lib/cloud/largest-state.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { type Fleet, pinVersions, readFleet } from '../../../lib/fleet.ts';
import type { ExecutionEvent } from '../../../lib/local/execution.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { saveModel } from '../../../models/checkpoint/model-directory.ts';
import { tinyConfig, tinyFleet, tinyTokenizer, tinyWeights } from '../../support/tiny-fleet.ts';

/** Envelopes of 50 positions are about 39 KB in base64 at this `kept`: just what still travels in the state. */
const config = { ...tinyConfig, block: 50, positions: 400 };
const kept = 145;

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let fleet: Fleet;
let cloud: LocalCloud;
const sizes: number[] = [];

function measure(_: string, event: ExecutionEvent): void {
  if (event.type === 'StateExited') sizes.push(JSON.stringify(event.state.output).length);
  if (event.type === 'StateEntered') sizes.push(JSON.stringify(event.state.input).length);
}

beforeAll(async () => {
  tiny = await tinyFleet();
  for (const [index, { directory }] of tiny.fleet.models.entries()) {
    await saveModel(directory, config, await tinyTokenizer(), tinyWeights(config, index + 1));
  }
  fleet = await readFleet(tiny.folder);
  cloud = await LocalCloud.start(fleet, { kept, threads: 1, watch: measure });
});
afterAll(async () => {
  await cloud.stop();
  await tiny.remove();
});

/** Everything at once: three members, each with its own envelopes, a prompt that fills the positions, many hot tokens. */
const largest: GenerationRequest = {
  ...{ prompt: 'a queue '.repeat(60), tenant: 'acme', weight: 0.5, context: 'A worker', contrast: 0.5 },
  ...{ tokens: 100, steps: 3, stopAt: 0, selfConditioning: 'own', projection: 'multi-hot', topP: 1 },
};

describe('the largest states', () => {
  it('are under the bound, and the bound under the limit', async () => {
    const inline = inlineBytes(await pinVersions(fleet));
    const bytes = 4 * Math.ceil((12 + config.block * (kept * 4 + 2)) / 3);
    // Otherwise the measurement would not be of envelopes that travel.
    expect(bytes).toBeLessThanOrEqual(inline);
    expect(bytes).toBeGreaterThan(0.9 * inline);
    await cloud.generate(largest);
    const most = Math.max(...sizes);
    expect(most).toBeLessThanOrEqual(stateLimitBytes - 6 * (inline - bytes));
    expect(most).toBeGreaterThan(0.8 * stateLimitBytes);
  });

  it('of eight candidates, whose texts fill the positions, are within the limit too', async () => {
    sizes.length = 0;
    const wanted = { prompt: 'a queue '.repeat(60), tokens: 50, bestOf: 8, steps: 1, stopAt: 0, visit: 1 };
    const { tokens } = await cloud.generate(wanted);
    expect(tokens).toBeGreaterThan(0);
    expect(Math.max(...sizes)).toBeLessThan(stateLimitBytes);
  });

  it('do not grow with the steps of a visit, and the text is that of the plain loop', async () => {
    const direct = await DirectEngine.start(fleet, { kept });
    const visiting = async (steps: number) => {
      sizes.length = 0;
      const wanted = { prompt: 'the queue', tokens: 50, steps, visit: 1000, stopAt: 0, patience: 1000 };
      expect(await cloud.generate(wanted)).toEqual(await direct.generate(wanted));
      return Math.max(...sizes);
    };
    // A report of a step has about 600 bytes here.
    expect((await visiting(40)) - (await visiting(4))).toBeLessThan(100);
    await direct.stop();
  });

  it('are refused at synth where they could not pass', () => {
    const shape = { block: 25, vocabulary: 65_536, positions: 32_768 };
    expect(() => inlineBytes({ ...fleet, shape })).toThrow('32768 positions of 1 lanes are too many');
    expect(() => inlineBytes({ ...fleet, shape: { ...shape, positions: 8192 } }, 64)).toThrow('of 64 lanes');
  });
});
