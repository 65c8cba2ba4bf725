import { merge } from '../ssd2/ensemble.ts';
import { compress } from '../ssd2/envelope.ts';
import { uniform } from '../ssd2/noise.ts';
import { project } from '../ssd2/projection.ts';
import type { NextToken } from './next-token.ts';

/** A model's part in an ensemble; the coefficients sum to 1. */
export interface AutoregressiveMember {
  readonly model: NextToken;
  readonly coefficient: number;
}

export interface SampleOptions {
  /** Tokens to generate after each prompt; end-of-text ends one early. */
  readonly tokens: number;
  readonly topP: number;
  readonly seed: number;
}

/**
 * Continues prompts token by token from the members' weighted logits, the collaboration that SSD-2's is compared to.
 * Every prompt's text depends on its own number among them and the seed only.
 */
export async function sampleTokens(
  members: readonly AutoregressiveMember[],
  prompts: readonly (readonly number[])[],
  { tokens, topP, seed }: SampleOptions,
): Promise<number[][]> {
  const { vocabulary, endOfText } = members[0].model.config;
  const texts = prompts.map((prompt) => [...prompt]);
  const ended = prompts.map(() => false);
  for (let step = 0; step < tokens; step++) {
    const answers = await Promise.all(members.map(({ model }) => model.nextLogProbabilities(texts)));
    texts.forEach((text, lane) => {
      if (ended[lane]) return;
      const merged = merge(
        members.map(({ coefficient }, m) => ({
          coefficient,
          envelope: compress(answers[m][lane], vocabulary, vocabulary),
        })),
      );
      const draw = () => uniform({ seed, lane, block: 0, step, position: 0 });
      const [[token]] = project(merged, 'sample', topP, draw);
      ended[lane] = token === endOfText;
      if (!ended[lane]) text.push(token);
    });
    if (ended.every(Boolean)) break;
  }
  return texts.map((text, i) => text.slice(prompts[i].length));
}
