import type { Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GenerationRequest } from '../../../functions/contracts/request.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import type { Engine } from '../../../lib/engine.ts';
import { close, listen } from '../../../lib/local/listen.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { loadDiffusionModel } from '../../../models/checkpoint/model-directory.ts';
import { modelVersion } from '../../../models/checkpoint/served-model.ts';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import { createModelServer } from '../../../models/serving/server.ts';
import type { LogitsEnvelope } from '../../../models/ssd2/envelope.ts';
import { endpointName } from '../../../models/ssd2/routing.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { softmax } from '../../support/reference-network.ts';
import { tinyConfig, tinyFleet } from '../../support/tiny-fleet.ts';

const { block, vocabulary } = tinyConfig;
const prompt = 'To create a queue';
const context = 'A worker that fails';
const request: GenerationRequest = { prompt, tokens: 2 * block, steps: 4, stopAt: 0, patience: 100, seed: 7 };
const contrasted = { ...request, tenant: 'acme', weight: 0.5, context, contrast: 0.5 };

/** What a model was asked, and what it answered. */
interface Call extends LaneStep {
  readonly model: string;
  readonly answer: LogitsEnvelope;
}

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
const engines = new Map<string, Engine>();
const servers: Server[] = [];
const denoisers: Denoiser[] = [];
const calls: Call[] = [];

beforeAll(async () => {
  tiny = await tinyFleet();
  // Both engines keep whole distributions, so that what is fused can be computed again. Every model runs in this process.
  engines.set('the plain loop', await DirectEngine.start(tiny.fleet, { kept: vocabulary }));
  const cloud = await LocalCloud.start(tiny.fleet, { kept: vocabulary, threads: 1 });
  for (const { directory, endpoint } of tiny.fleet.models) {
    const denoiser = await Denoiser.create(await loadDiffusionModel(directory));
    const server = createModelServer(Promise.resolve({ denoiser, version: await modelVersion(directory) }));
    servers.push(server);
    denoisers.push(denoiser);
    cloud.endpoints.set(endpointName(endpoint), await listen(server));
  }
  engines.set('the state machine', cloud);
  const original = Denoiser.prototype.denoise;
  vi.spyOn(Denoiser.prototype, 'denoise').mockImplementation(async function (this: Denoiser, lanes, kept) {
    const result = await original.call(this, lanes, kept);
    lanes.forEach((lane, i) => {
      calls.push({ ...lane, model: this.name, answer: result.envelopes[i] });
    });
    return result;
  });
});
beforeEach(() => {
  calls.length = 0;
});
afterAll(async () => {
  vi.restoreAllMocks();
  for (const engine of engines.values()) await engine.stop();
  await Promise.all(servers.map(close));
  for (const denoiser of denoisers) await denoiser.release();
  await tiny.remove();
});

async function idsOf(text: string): Promise<number[]> {
  return (await loadDiffusionModel(tiny.fleet.core.directory)).tokenizer.encode(text);
}

/** The calls of one member, in order: who it is shows in its model and in what stands before the block. */
function member(model: string, start: readonly number[]): Call[] {
  return calls.filter((call) => call.model === model && start.every((id, i) => call.context[i] === id));
}

describe.each(['the plain loop', 'the state machine'])('through %s', (name) => {
  const run = (wanted: GenerationRequest) => (engines.get(name) as Engine).generate(wanted);
  const roles = async () => {
    const [promptIds, contextIds] = [await idsOf(prompt), await idsOf(`${context}\n\n`)];
    return {
      core: { coefficient: 0.5, calls: member('core', promptIds) },
      tenant: { coefficient: 0.75, calls: member('acme', [...contextIds, ...promptIds]) },
      promptOnly: { coefficient: -0.25, calls: member('acme', promptIds) },
    };
  };

  it('under own, each member is given its own answer of the step before, and no other', async () => {
    await run({ ...contrasted, selfConditioning: 'own' });
    const members = Object.values(await roles());
    for (const { calls: own } of members) {
      expect(own).toHaveLength(8);
      own.forEach((call, i) => {
        expect(call.previous).toEqual(call.step === 0 ? null : own[i - 1].answer);
      });
    }
    // Otherwise the test could not tell whose they are.
    const [core, tenant, promptOnly] = members.map(({ calls: own }) => own[1].previous);
    expect(core).not.toEqual(tenant);
    expect(promptOnly).not.toEqual(tenant);
  });

  it('under fused, every member is given the merged distribution', async () => {
    await run({ ...contrasted, selfConditioning: 'fused' });
    const members = Object.values(await roles());
    for (let i = 0; i < 8; i++) {
      const given = members.map(({ calls: own }) => own[i].previous);
      expect(given[1]).toEqual(given[0]);
      expect(given[2]).toEqual(given[0]);
      if (i % 4 === 0) {
        expect(given[0]).toBeNull();
        continue;
      }
      for (let position = 0; position < block; position++) {
        const row = ({ logProbabilities }: LogitsEnvelope) =>
          Array.from(logProbabilities.subarray(position * vocabulary, (position + 1) * vocabulary));
        const logits = members
          .map(({ coefficient, calls: own }) => row(own[i - 1].answer).map((logit) => coefficient * logit))
          .reduce((a, b) => a.map((value, v) => value + b[v]));
        const expected = softmax(logits).map(Math.log);
        row(given[0] as LogitsEnvelope).forEach((value, v) => {
          // float16 between -32 and -16 has steps of 2^-6.
          expect(Math.abs(value - expected[v])).toBeLessThan(0.02);
        });
      }
    }
  });

  it('the core sees the prompt and the text alone, the tenant its context before them', async () => {
    await run(contrasted);
    const { core, tenant, promptOnly } = await roles();
    const [promptIds, contextIds] = [await idsOf(prompt), await idsOf(`${context}\n\n`)];
    expect(core.calls.length + tenant.calls.length + promptOnly.calls.length).toBe(calls.length);
    for (const call of core.calls) expect(call.context).toHaveLength(promptIds.length + call.block * block);
    core.calls.forEach((call, i) => {
      expect(promptOnly.calls[i].context).toEqual(call.context);
      expect(tenant.calls[i].context).toEqual([...contextIds, ...call.context]);
    });
  });

  it('a tenant of weight 1 leaves the core unasked', async () => {
    await run({ ...request, tenant: 'acme', weight: 1, context });
    expect(new Set(calls.map(({ model }) => model))).toEqual(new Set(['acme']));
  });

  it('without a tenant nobody but the core is asked', async () => {
    await run(request);
    expect(new Set(calls.map(({ model }) => model))).toEqual(new Set(['core']));
  });
});
