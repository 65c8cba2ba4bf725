import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOfText, Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { trainTokenizer } from '../../../models/tokenizer/train-tokenizer.ts';
import { sentences } from '../../support/tiny-fleet.ts';

describe('the tokenizer', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = Tokenizer.parse(await trainTokenizer(sentences, 300));
  });

  it('has the size asked for, and joins what stands together often', async () => {
    expect(tokenizer.size).toBe(300);
    expect((await tokenizer.encode(sentences[0])).length).toBeLessThan(sentences[0].length);
  });

  it('round-trips any UTF-8 text', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((s) => s.isWellFormed());
    await fc.assert(
      fc.asyncProperty(text, async (s) => {
        expect(await tokenizer.decode(await tokenizer.encode(s))).toBe(s);
      }),
    );
  });

  it('never finds end-of-text in a text', async () => {
    expect(await tokenizer.encode(`a${endOfText}b`)).not.toContain(tokenizer.endOfText);
  });

  it('is trained the same way every time', async () => {
    expect(await trainTokenizer(sentences, 300)).toBe(await trainTokenizer(sentences, 300));
  });

  it('asks for more text when there is too little', async () => {
    await expect(trainTokenizer(['aa'], 4096)).rejects.toThrow('use more text');
  });

  it('of a file that is none is an error', () => {
    expect(() => Tokenizer.parse('{}')).toThrow();
  });
});
