import { expect, it } from 'vitest';
import type { Engine } from '../../lib/engine.ts';
import { samplePrompts } from '../../lib/sample-prompts.ts';

it('samples of prompts have the same seeds from prompt to prompt, and of a prompt that comes again others', async () => {
  const engine: Pick<Engine, 'generate'> = {
    generate: async ({ prompt, seed = 0 }) => ({
      ...{ text: `${prompt}${seed}`, tokens: 5, blocks: 1, steps: 3, models: ['core'], seed, finish: 'length' },
    }),
  };
  const seen: string[] = [];
  const { texts, tokens } = await samplePrompts(
    engine as Engine,
    ['a', 'b', 'a', 'a'],
    {},
    { samples: 2, seed: 7 },
    ({ prompt, text, seed }) => seen.push(`${prompt} ${text} ${seed}`),
  );
  expect(texts).toEqual([
    ['a7', 'a8'],
    ['b7', 'b8'],
    ['a9', 'a10'],
    ['a11', 'a12'],
  ]);
  expect(tokens).toBe(40);
  expect(seen.slice(0, 3)).toEqual(['a a7 7', 'a a8 8', 'b b7 7']);
});
