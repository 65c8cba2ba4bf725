import { afterEach, describe, expect, it, vi } from 'vitest';
import { close, listen } from '../../../lib/local/listen.ts';
import { AdaptedDenoiser } from '../../../models/inference/adapted-denoiser.ts';
import { BaseReader } from '../../../models/inference/base-reader.ts';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import { pieceLength } from '../../../models/inference/kept-piece.ts';
import { NgramDenoiser } from '../../../models/inference/ngram-denoiser.ts';
import type { StepModel } from '../../../models/inference/step-model.ts';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';
import { Session } from '../../../models/runtime/session.ts';
import { decodeAnswer, encodeInvocation } from '../../../models/serving/protocol.ts';
import { createModelServer } from '../../../models/serving/server.ts';
import type { Form } from '../../../models/ssd2/form.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { tinyAdapted } from '../../support/tiny-base.ts';
import { tinyModel } from '../../support/tiny-fleet.ts';

const vocabulary = 300;
const block = 5;
const context = Array.from({ length: 12 }, (_, i) => (i * 37 + 5) % vocabulary);
const lane: LaneStep = { context, tokens: null, previous: null, ...{ seed: 7, lane: 0, block: 0, step: 0, steps: 10 } };

const drafted: Form = {
  timesteps: [1],
  wave: true,
  ...{ denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 },
};

async function ngramDenoiser(reader?: BaseReader): Promise<NgramDenoiser> {
  const config = { kind: 'ngram', order: 3, vocabulary, block, positions: 90, endOfText: 0, base: '../base' } as const;
  const model = NgramModel.train([context], { order: 3, vocabulary });
  return NgramDenoiser.create('acme', config, model, reader ? { reader } : {});
}

const models: [string, () => Promise<StepModel>, Form?][] = [
  ['a whole network', async () => Denoiser.create(await tinyModel('core', 1))],
  ['an adapted base', async () => AdaptedDenoiser.create(await tinyAdapted())],
  ['an n-gram model', () => ngramDenoiser(), drafted],
  [
    'an n-gram model whose base reads',
    async () => ngramDenoiser(await BaseReader.create((await tinyAdapted()).base.network, { block, positions: 90 })),
    drafted,
  ],
];

afterEach(() => {
  vi.restoreAllMocks();
});

/** How often something is computed while `work` runs: a network's passes, or n-grams' counts. */
async function computations<T>(work: () => Promise<T>): Promise<{ result: T; count: number }> {
  const spies = [vi.spyOn(Session.prototype, 'run'), vi.spyOn(NgramModel, 'train')];
  const result = await work();
  const count = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  for (const spy of spies) spy.mockRestore();
  return { result, count };
}

describe.each(models)('%s', (_, create, form) => {
  it('keeps contexts for their owner and for nobody else, and answers all alike', async () => {
    const model = await create();
    const server = createModelServer(Promise.resolve({ denoiser: model, version: 'v' }));
    const url = await listen(server);
    const ask = (owner: string) =>
      computations(async () => {
        const body = Buffer.from(
          encodeInvocation({ lanes: [{ ...lane, ...(form ? { form } : {}) }], kept: vocabulary, owner }),
        );
        const response = await fetch(`${url}/invocations`, { method: 'POST', body });
        return decodeAnswer(await response.bytes()).envelopes[0].bytes;
      });
    const [first, again, other, otherAgain] = [await ask('acme'), await ask('acme'), await ask('b'), await ask('b')];
    expect(again.count).toBeLessThan(first.count);
    expect(other.count).toBe(first.count);
    expect(otherAgain.count).toBe(again.count);
    for (const { result } of [again, other, otherAgain]) expect(result).toEqual(first.result);
    await close(server);
    await model.release();
  });
});

describe('the pieces of a long context', () => {
  it('are kept for their owner alone, each of them', async () => {
    const model = await AdaptedDenoiser.create(await tinyAdapted());
    const long = Array.from({ length: pieceLength + 9 }, (_, i) => (i * 31 + 2) % vocabulary);
    const ask = (owner: string) => computations(() => model.denoise([{ ...lane, context: long }], 8, owner));
    const counts = [];
    for (const owner of ['acme', 'acme', 'globex']) counts.push((await ask(owner)).count);
    expect(counts).toEqual([counts[0], counts[0] - 2, counts[0]]);
    await model.release();
  });
});
