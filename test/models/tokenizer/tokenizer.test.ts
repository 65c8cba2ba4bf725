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

  describe('of a file as other tools write it', () => {
    type File = Record<string, unknown> & { model: Record<string, unknown> };
    let plain: number[];
    const text = `The queue ${endOfText} holds <|im_start|> messages until a worker reads them.`;
    const withChange = async (change: (file: File) => void) => {
      const file = JSON.parse(await trainTokenizer(sentences, 300)) as File;
      change(file);
      return Tokenizer.parse(JSON.stringify(file));
    };
    beforeAll(async () => {
      plain = await tokenizer.encode(text);
    });
    const added = (content: string, id: number, special: boolean) => ({
      ...{ id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: false },
    });

    it.each<[string, (file: File) => void]>([
      [
        'truncation',
        (file) => {
          file.truncation = { direction: 'Right', max_length: 8, strategy: 'LongestFirst', stride: 0 };
        },
      ],
      [
        'padding',
        (file) => {
          file.padding = {
            ...{ strategy: { Fixed: 64 }, direction: 'Right', pad_to_multiple_of: null },
            ...{ pad_id: 0, pad_type_id: 0, pad_token: endOfText },
          };
        },
      ],
      [
        'dropout',
        (file) => {
          file.model.dropout = 0.5;
        },
      ],
      [
        'a space before each text',
        (file) => {
          (file.pre_tokenizer as Record<string, unknown>).add_prefix_space = true;
        },
      ],
      [
        'end-of-text as a special token',
        (file) => {
          file.added_tokens = [added(endOfText, 0, true)];
        },
      ],
      [
        'end-of-text as an added token that is called no special one',
        (file) => {
          file.added_tokens = [added(endOfText, 0, false)];
        },
      ],
    ])('%s changes no text and no token', async (_, change) => {
      const other = await withChange(change);
      for (let time = 0; time < 3; time++) expect(await other.encode(text)).toEqual(plain);
      expect(await other.encodeBatch([text, text])).toEqual([plain, plain]);
      expect(await other.decode(plain)).toBe(text);
      expect(other.endOfText).toBe(tokenizer.endOfText);
    });

    it.each<[string, (file: File) => void, string]>([
      [
        'lower case',
        (file) => Object.assign(file, { normalizer: { type: 'Lowercase' } }),
        'normalizer: Lowercase would',
      ],
      ['words', (file) => Object.assign(file.model, { type: 'WordLevel' }), 'model.type: only BPE is taken'],
      ['no vocabulary', (file) => Object.assign(file.model, { vocab: null }), 'model.vocab: is none'],
    ])('that makes %s of a text is refused', async (_, change, message) => {
      await expect(withChange(change)).rejects.toThrow(message);
    });

    it('keeps every piece, whatever its name', async () => {
      const withProto = await withChange(({ model }) => {
        const vocab = JSON.stringify(model.vocab).replace('"<|endoftext|>":0', '"<|endoftext|>":0,"__proto__":300');
        model.vocab = JSON.parse(vocab);
      });
      expect(withProto.size).toBe(301);
    });
  });
});
