import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Base, loadBase } from '../../../models/checkpoint/base.ts';
import { countPieces, piecesToKeep } from '../../../models/import/cut-vocabulary.ts';
import { writeModelFolder } from '../../../models/import/import-model.ts';
import { openSource } from '../../../models/import/open-source.ts';
import { withTokens } from '../../../models/import/select-tokens.ts';
import type { Source } from '../../../models/import/source.ts';
import { Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { byteLevelTokenizer, llamaTensors, tinyLlama, writeHuggingFace } from '../../support/checkpoints.ts';
import { sentences } from '../../support/tiny-fleet.ts';

describe('a cut vocabulary', () => {
  const size = 280;
  let folder: string;
  let source: Source;
  let kept: number[];
  let whole: Tokenizer;
  let cut: Base;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slingshot-cut-'));
    const config = { ...tinyLlama, vocab_size: 320, eos_token_id: 5 };
    const tensors = llamaTensors(config);
    await writeHuggingFace(join(folder, 'source'), { config, tokenizer: await byteLevelTokenizer(320), tensors });
    source = await openSource(join(folder, 'source'));
    const texts = (async function* () {
      yield* sentences.slice(0, 2);
    })();
    const { counts } = await countPieces(source.tokenizer, texts);
    kept = piecesToKeep(source.tokenizer, counts, size, [0, 5]);
    await writeModelFolder(withTokens(source, kept), join(folder, 'cut'));
    whole = Tokenizer.parse(JSON.stringify(source.tokenizer));
    cut = await loadBase(join(folder, 'cut'));
  });
  afterAll(async () => {
    await source.close();
    await rm(folder, { recursive: true });
  });

  it('has the size asked for, in the original order, with all bytes and special tokens', () => {
    expect(cut.tokenizer.size).toBe(size);
    expect(cut.config).toMatchObject({ vocab_size: size, bos_token_id: 0, eos_token_id: kept.indexOf(5) });
    expect(kept).toEqual(kept.toSorted((a, b) => a - b));
    const letters = Object.entries(source.tokenizer.model.vocab).filter(([piece]) => piece.length === 1);
    expect(kept).toEqual(expect.arrayContaining(letters.map(([, id]) => id)));
    expect(cut.tokenizer.special).toEqual(new Map([['<|endoftext|>', 0]]));
  });

  it('lets any text survive', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((s) => s.isWellFormed());
    await fc.assert(
      fc.asyncProperty(text, async (s) => {
        expect(await cut.tokenizer.decode(await cut.tokenizer.encode(s))).toBe(s);
      }),
    );
  });

  it('splits a text as before wherever all of its pieces were kept', async () => {
    const word = fc.constantFrom(...sentences.join(' ').split(/(?<= )/));
    let same = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 4 }), async (words) => {
        const before = (await whole.encode(words.join(''))).map((id) => kept.indexOf(id));
        if (before.includes(-1)) return;
        same++;
        expect(await cut.tokenizer.encode(words.join(''))).toEqual(before);
      }),
    );
    expect(same).toBeGreaterThan(10);
  });

  it('keeps the rows of both tables to the bit', () => {
    for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
      const rows = cut.tensors.get(name)?.toFloat32() as Float32Array;
      const values = llamaTensors({ ...tinyLlama, vocab_size: 320 }).get(name)?.values as number[];
      expect(rows).toEqual(Float32Array.from(kept.flatMap((id) => values.slice(id * 64, (id + 1) * 64))));
    }
  });

  it('is refused below what has to stay', () => {
    expect(() => piecesToKeep(source.tokenizer, new Float64Array(320), 200, [])).toThrow(
      /--vocabulary 200 is too small/,
    );
  });

  it('reads texts and instructions alike', async () => {
    const { corpusTexts } = await import('../../../models/import/corpus-texts.ts');
    const path = join(folder, 'mixed.jsonl');
    await writeFile(path, '{"text":"a"}\n{"instruction":"b","context":"","response":"c"}\n');
    await writeFile(join(folder, 'plain.txt'), 'd\n\ne\n');
    const texts: string[] = [];
    for await (const text of corpusTexts([path, join(folder, 'plain.txt')])) texts.push(text);
    expect(texts).toEqual(['a', 'b\nc', 'd\n\ne']);
  });
});
