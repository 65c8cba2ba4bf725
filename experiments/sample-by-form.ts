import type { StepModel } from '../models/inference/step-model.ts';
import type { Form } from '../models/ssd2/form.ts';
import { blocksOf, callsOf, type Generation, laneSteps, reduceLanes } from '../models/ssd2/generation.ts';
import { generatedTokens, startLane } from '../models/ssd2/lane.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';

/** Prompts that are continued side by side. */
const lanes = 8;
const endpoint = { endpoint: 'core' };

export interface FormSamples {
  readonly samples: readonly { readonly prompt: string; readonly text: string }[];
  /** Of the network, a block. */
  readonly passes: number;
}

/** Texts by one model alone, decoded by a form that no request can ask for; without one as published, in `steps`. */
export async function sampleByForm(
  model: StepModel,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  {
    form,
    steps,
    tokens,
    seed,
    endOfText,
  }: { form?: Form; steps: number; tokens: number; seed: number; endOfText: number },
): Promise<FormSamples> {
  const { block, vocabulary } = model.config;
  const samples: { prompt: string; text: string }[] = [];
  let [passes, blocks] = [0, 0];
  for (let start = 0; start < prompts.length; start += lanes) {
    const some = prompts.slice(start, start + lanes);
    const ids = await tokenizer.encodeBatch([...some]);
    let generation: Generation = {
      decoding: {
        ...{ steps, block, vocabulary, projection: 'sample', topP: 0.9, kept: 256 },
        members: [{ name: 'core', coefficient: 1, routes: [{ from: 0, to: 1, endpoint }] }],
        // Adaptive halting is an experiment of its own.
        halting: { stopAt: form ? 0 : 0.2, patience: 10_000, entropy: 0 },
        selfConditioning: form ? 'none' : 'fused',
        ...(form ? { form } : {}),
      },
      ...{ tokens, endOfText, block: 0, step: 0 },
      lanes: some.map((_, i) => startLane(seed + start + i)),
    };
    for (let [call] = callsOf(generation), previous = null; call; [call] = callsOf(generation)) {
      const { envelopes } = await model.denoise(laneSteps(generation, call, ids, previous), 256, '');
      passes += call.lanes.length;
      const reduced = reduceLanes(generation, new Map([['core', { lanes: call.lanes, envelopes }]]));
      ({ generation } = reduced);
      previous = reduced.merged as typeof previous;
    }
    for (const [i, lane] of generation.lanes.entries()) {
      blocks += blocksOf(generation, lane);
      samples.push({ prompt: some[i], text: await tokenizer.decode([...generatedTokens(generation, lane)]) });
    }
  }
  return { samples, passes: passes / blocks };
}
