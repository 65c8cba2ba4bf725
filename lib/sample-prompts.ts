import type { GenerationRequest } from '../functions/contracts/request.ts';
import type { Engine } from './engine.ts';

export interface Sample {
  readonly prompt: string;
  readonly text: string;
  readonly seed: number;
}

export interface PromptSamples {
  /** The texts of each prompt. */
  readonly texts: readonly (readonly string[])[];
  readonly tokens: number;
  readonly blocks: number;
  readonly steps: number;
  readonly tokensPerSecond: number;
}

/**
 * Samples after each of some prompts, one after the other; sample i of every prompt has the seed `seed + i`. A prompt that
 * comes again goes on from there, as the same seed would give the same texts.
 *
 * @param request all but prompt and seed
 */
export async function samplePrompts(
  engine: Engine,
  prompts: readonly string[],
  request: Omit<GenerationRequest, 'prompt' | 'seed'>,
  { samples, seed }: { readonly samples: number; readonly seed: number },
  onSample: (sample: Sample) => unknown = () => {},
): Promise<PromptSamples> {
  const total = { tokens: 0, blocks: 0, steps: 0 };
  const texts: string[][] = [];
  const nextSeeds = new Map<string, number>();
  const started = performance.now();
  for (const prompt of prompts) {
    const own: string[] = [];
    const first = nextSeeds.get(prompt) ?? seed;
    nextSeeds.set(prompt, first + samples);
    for (let sampleSeed = first; sampleSeed < first + samples; sampleSeed++) {
      const { text, tokens, blocks, steps } = await engine.generate({ ...request, prompt, seed: sampleSeed });
      own.push(text);
      total.tokens += tokens;
      total.blocks += blocks;
      total.steps += steps;
      await onSample({ prompt, text, seed: sampleSeed });
    }
    texts.push(own);
  }
  return { texts, ...total, tokensPerSecond: (1000 * total.tokens) / (performance.now() - started) };
}
