import type { StepModel } from '../models/inference/step-model.ts';
import { chosenLane } from '../models/ssd2/choice.ts';
import type { Form } from '../models/ssd2/form.ts';
import {
  blocksOf,
  callsOf,
  type Generation,
  type LaneEnvelopes,
  laneSteps,
  reduceLanes,
} from '../models/ssd2/generation.ts';
import { generatedTokens, startCandidates, startLane } from '../models/ssd2/lane.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';

/** Prompts that are continued side by side. */
const lanes = 8;

export interface FormSamples {
  readonly samples: readonly { readonly prompt: string; readonly text: string }[];
  /** Of the network, a block. */
  readonly passes: number;
}

interface SampleOptions {
  readonly form?: Form;
  readonly steps: number;
  readonly tokens: number;
  readonly seed: number;
  readonly endOfText: number;
  /** Candidates for each text, of which the likeliest is taken. */
  readonly bestOf?: number;
}

/** The model that answers for timesteps above `from`, up to and including `to`. */
export interface ModelRoute {
  readonly from: number;
  readonly to: number;
  readonly model: StepModel;
}

/** Texts by one ensemble member, decoded by a form that no request can ask for; without one as published, in `steps`. */
export async function sampleByForm(
  routes: readonly ModelRoute[],
  tokenizer: Tokenizer,
  prompts: readonly string[],
  options: SampleOptions,
): Promise<FormSamples> {
  const { tokens, seed, bestOf = 1 } = options;
  const samples: { prompt: string; text: string }[] = [];
  let [passes, blocks] = [0, 0];
  const atOnce = bestOf > 1 ? 1 : lanes;
  for (let start = 0; start < prompts.length; start += atOnce) {
    const some = prompts.slice(start, start + atOnce);
    const of =
      bestOf > 1
        ? {
            lanes: startCandidates(
              seed + start,
              Array.from({ length: bestOf }, () => tokens),
            ),
            choice: { round: 0, rounds: 0 },
          }
        : { lanes: some.map((_, i) => startLane(seed + start + i)) };
    const { generation, calls } = await generate(routes, await tokenizer.encodeBatch([...some]), options, of);
    passes += calls;
    for (const lane of generation.lanes) blocks += blocksOf(generation, lane);
    const { choice } = generation;
    const chosen = choice ? [generation.lanes[chosenLane(generation, choice)]] : generation.lanes;
    for (const [i, lane] of chosen.entries()) {
      samples.push({ prompt: some[i], text: await tokenizer.decode([...generatedTokens(generation, lane)]) });
    }
  }
  return { samples, passes: (passes * bestOf) / blocks };
}

async function generate(
  routes: readonly ModelRoute[],
  prompts: readonly (readonly number[])[],
  { form, steps, tokens, endOfText }: SampleOptions,
  of: Pick<Generation, 'lanes' | 'choice'>,
): Promise<{ generation: Generation; calls: number }> {
  const { block, vocabulary } = routes[0].model.config;
  const table = routes.map(({ from, to }, i) => ({ from, to, endpoint: { endpoint: String(i) } }));
  let generation: Generation = {
    decoding: {
      ...{ steps, block, vocabulary, projection: 'sample', topP: 0.9, kept: 256 },
      members: [{ name: 'core', coefficient: 1, routes: table }],
      // Adaptive halting is an experiment of its own.
      halting: { stopAt: form ? 0 : 0.2, patience: 10_000, entropy: 0 },
      selfConditioning: form ? 'none' : 'fused',
      ...(form ? { form } : {}),
    },
    ...{ tokens, endOfText, block: 0, step: 0 },
    ...of,
  };
  let calls = 0;
  let previous: LaneEnvelopes | null = null;
  for (let [call] = callsOf(generation); call; [call] = callsOf(generation)) {
    const { model } = routes[Number(call.endpoint.endpoint)];
    const { envelopes } = await model.denoise(laneSteps(generation, call, prompts, previous), 256, '');
    calls += call.lanes.length;
    const reduced = reduceLanes(generation, new Map([['core', { lanes: call.lanes, envelopes }]]));
    ({ generation, merged: previous } = reduced);
  }
  return { generation, calls };
}
