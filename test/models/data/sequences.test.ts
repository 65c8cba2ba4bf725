import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInstructions } from '../../../models/data/rows.ts';
import { mixedSource, sequenceSource } from '../../../models/data/sequences.ts';
import { tokenizeInMemory, tokenizeToFile } from '../../../models/data/tokenize.ts';
import { ChatTemplate } from '../../../models/tokenizer/chat-template.ts';
import { instructionPrompt } from '../../../models/tokenizer/instruction-template.ts';
import { Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { byteLevelTokenizer } from '../../support/checkpoints.ts';
import { tinyTokenizer } from '../../support/tiny-fleet.ts';

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-sequences-'));
  tokenizer = Tokenizer.parse(await tinyTokenizer());
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, content: string) => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};

describe('sequences', () => {
  const shape = { block: 5, blocks: 3 };

  it('of running text are windows of it, each drawn once an epoch', () => {
    const tokens = Uint16Array.from({ length: 1000 }, (_, i) => i);
    const source = sequenceSource({ tokens }, shape, 1, 0);
    const starts = new Set<number>();
    for (let n = 0; n < source.length; n++) {
      const { tokens: drawn, pad, first, end } = source.sequence(n);
      expect([first, end]).toEqual([pad, 20]);
      const text = [...drawn.subarray(pad, end)];
      expect(text).toEqual(text.map((_, i) => text[0] + i));
      starts.add(Math.floor(text[0] / 20));
    }
    // A window begins anywhere in its stretch of 20 tokens or the next.
    expect(starts.size).toBeGreaterThan(source.length * 0.6);
    expect(source.sequence(7)).toEqual(sequenceSource({ tokens }, shape, 1, 0).sequence(7));
  });

  it('of instructions learn the response alone, from a block border on, to its end and the end of its block', async () => {
    const rows = [
      { instruction: 'Say hello', context: '', response: 'hello' },
      { instruction: 'Add', context: '1 and 2', response: 'it is three' },
    ];
    const path = await file('pairs.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const read: unknown[] = [];
    for await (const row of readInstructions([path])) read.push(row);
    expect(read).toEqual(rows);
    const corpus = await tokenizeInMemory([path], tokenizer, { policy: 'fail', format: 'instructions' });
    const wide = { block: 5, blocks: 40 };
    const source = sequenceSource(corpus, wide, 1, tokenizer.endOfText);
    expect(source.length).toBe(2);
    const seen = await Promise.all(
      [0, 1].map(async (n) => {
        const { tokens, pad, first, end } = source.sequence(n);
        expect(first % 5).toBe(0);
        expect(end % 5).toBe(0);
        const learnt = [...tokens.subarray(first, end)];
        const stop = learnt.indexOf(tokenizer.endOfText);
        expect(learnt.slice(stop).every((token) => token === tokenizer.endOfText)).toBe(true);
        return [
          await tokenizer.decode([...tokens.subarray(pad, first)]),
          await tokenizer.decode(learnt.slice(0, stop)),
        ];
      }),
    );
    const expected = rows.map((row) => [instructionPrompt(row.instruction, row.context), row.response]);
    expect(new Set(seen.map(String))).toEqual(new Set(expected.map(String)));
  });

  it('of instructions stand in a chat template where there is one, and end as its messages do', async () => {
    const json = await byteLevelTokenizer();
    const special = (content: string, id: number) => ({ ...json.added_tokens[0], content, id });
    json.added_tokens.push(special('<|im_start|>', 300), special('<|im_end|>', 301));
    const marked = Tokenizer.parse(JSON.stringify(json));
    const chat = new ChatTemplate(
      "{% for m in messages %}{{ '<|im_start|>' + m['content'] + '<|im_end|>' }}{% endfor %}{{ '<|im_start|>' }}",
      marked,
    );
    const rows = [{ instruction: 'Add', context: '1 and <|im_end|>', response: 'it is three' }];
    const path = await file('chat.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const options = { policy: 'fail', format: 'instructions', chat } as const;
    const { tokens, responses } = await tokenizeInMemory([path], marked, options);
    const text = (s: string) => marked.encode(s);
    const prompt = [300, ...(await text('1 and <|im_end|>\n\nAdd')), 301, 300];
    expect([...tokens]).toEqual([...prompt, ...(await text('it is three')), 301, marked.endOfText]);
    expect(responses).toEqual(Uint32Array.of(0, prompt.length));
    const markedJson = JSON.stringify(json);
    const stored = (more: Partial<typeof options>) =>
      tokenizeToFile([path], 'instructions', marked, markedJson, join(folder, 'chat'), 'chat', {
        policy: 'fail',
        ...more,
      });
    const plain = [...(await stored({})).tokens.slice(0, 400)];
    // The same file in another template is not what was stored.
    expect([...(await stored({ chat })).tokens.slice(0, 400)]).toEqual([...tokens]);
    expect(plain).not.toEqual([...tokens]);
  });

  it('are mixed by chance with those of another source, the same ones each time', () => {
    const [ones, twos] = [1, 2].map((token) =>
      sequenceSource({ tokens: new Uint16Array(500).fill(token) }, shape, 1, 0),
    );
    const first = (n: number) => mixedSource(ones, { other: twos, share: 0.3, seed: 4 }).sequence(n).tokens.at(-1);
    const drawn = Array.from({ length: 400 }, (_, n) => first(n));
    // Binomial: four standard deviations on either side.
    expect(Math.abs(drawn.filter((token) => token === 2).length - 120)).toBeLessThan(37);
    expect(drawn).toEqual(Array.from({ length: 400 }, (_, n) => first(n)));
  });

  it('leave out prompts with no room for a response, and say so when that is all', async () => {
    const path = await file('long.jsonl', `${JSON.stringify({ instruction: 'x '.repeat(50), response: 'y' })}\n`);
    const corpus = await tokenizeInMemory([path], tokenizer, { policy: 'fail', format: 'instructions' });
    expect(() => sequenceSource(corpus, shape, 1, 0)).toThrow('no instruction is at most 15 tokens long');
  });
});
