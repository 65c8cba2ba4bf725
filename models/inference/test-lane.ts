import { loadServedConfig, loadServedTokenizer } from '../checkpoint/served-model.ts';
import { nextTokenForm } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** A first step of a short text, which any model must answer. */
export async function testLane(directory: string): Promise<LaneStep> {
  const { kind } = await loadServedConfig(directory);
  return testLaneOf(kind, await loadServedTokenizer(directory));
}

export async function testLaneOf(kind: string, tokenizer: Tokenizer): Promise<LaneStep> {
  return {
    ...{ seed: 1, lane: 0, block: 0, step: 0, steps: 1, tokens: null, previous: null },
    context: [...(await tokenizer.encode('A test'))],
    // One that denoises alone has no next-token logits.
    ...(kind === 'ssd2' ? {} : { form: nextTokenForm }),
  };
}
