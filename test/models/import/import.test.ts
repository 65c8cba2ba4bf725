import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Base, loadBase } from '../../../models/checkpoint/base.ts';
import {
  type GgmlType,
  ggufField,
  llamaTensors,
  type Matrix,
  optTensors,
  tinyLlama,
  tinyOpt,
} from '../../support/checkpoints.ts';
import { ImportSources } from '../../support/import-sources.ts';

let sources: ImportSources;
const tensors = llamaTensors();
beforeAll(async () => {
  sources = await ImportSources.create();
});
afterAll(() => sources.remove());

function expectTensors(base: Base, expected: ReadonlyMap<string, Matrix>): void {
  expect([...base.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, values }] of expected) {
    expect(base.tensors.get(name)?.shape, name).toEqual(shape);
    expect(base.tensors.get(name)?.toFloat32(), name).toEqual(Float32Array.from(values));
  }
}

describe('a GGUF file', () => {
  it.each<GgmlType>(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1'])('of %s comes back exactly', async (type) => {
    const base = await sources.imported(await sources.ggufFile({ type }));
    expectTensors(base, tensors);
    const format = base.tensors.get('model.layers.0.mlp.up_proj.weight')?.format;
    expect(format?.toUpperCase()).toBe(type);
  });

  it('gives the configuration in the names of Hugging Face', async () => {
    expect((await sources.imported(await sources.ggufFile())).config).toEqual(tinyLlama);
  });

  it('without an output matrix has the head tied to the table', async () => {
    const tied = new Map([...tensors].filter(([name]) => name !== 'lm_head.weight'));
    const base = await sources.imported(await sources.ggufFile({ tensors: tied }));
    expect(base.config.tie_word_embeddings).toBe(true);
    expectTensors(base, tied);
  });

  it('gives its chat template and its special tokens', async () => {
    const base = await sources.imported(await sources.ggufFile());
    expect(base.chatTemplate).toContain('m.content');
    expect(base.tokenizer.special).toEqual(new Map([['<|endoftext|>', 0]]));
  });

  it('splits digits as its pre-tokenizer says', async () => {
    const digits = async (pre: string) => {
      const vocab = { ...sources.tokenizer.model.vocab, 12: 300 };
      const merges = [...sources.tokenizer.model.merges, ['1', '2'] as [string, string]];
      const table = { shape: [301, 64], values: Array(301 * 64).fill(0.5) };
      const wider = new Map(tensors).set('model.embed_tokens.weight', table).set('lm_head.weight', table);
      const fields = { 'tokenizer.ggml.pre': ggufField.text(pre) };
      const base = await sources.imported(
        await sources.ggufFile({ tensors: wider, fields, tokenizer: { model: { vocab, merges } } }),
      );
      return (await base.tokenizer.encode('12')).length;
    };
    expect(await digits('smollm')).toBe(2);
    expect(await digits('gpt-2')).toBe(1);
  });
});

describe('a Hugging Face folder', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('of %s comes back exactly', async (type) => {
    const base = await sources.imported(await sources.huggingFaceFolder({ type }));
    expectTensors(base, tensors);
    expect(base.config).toEqual(tinyLlama);
  });

  it('may spread its tensors over several files', async () => {
    expectTensors(await sources.imported(await sources.huggingFaceFolder({ parts: 3 })), tensors);
  });

  it('of the OPT family comes back exactly, whichever way its files name the decoder', async () => {
    const opt = optTensors();
    const short = new Map([...opt].map(([name, matrix]) => [name.replace(/^model\./, ''), matrix]));
    for (const tensors of [opt, short]) {
      const base = await sources.imported(await sources.huggingFaceFolder({ config: tinyOpt, tensors }));
      expectTensors(base, opt);
      expect(base.config).toEqual(tinyOpt);
    }
  });

  it('loses the head that repeats a tied table, and rows that no token has', async () => {
    const table = tensors.get('model.embed_tokens.weight') as Matrix;
    const padded = { shape: [320, 64], values: [...table.values, ...Array(20 * 64).fill(0)] };
    const config = { ...tinyLlama, vocab_size: 320, tie_word_embeddings: true };
    const withHead = new Map(tensors).set('model.embed_tokens.weight', padded).set('lm_head.weight', padded);
    const base = await sources.imported(await sources.huggingFaceFolder({ config, tensors: withHead }));
    expect(base.config.vocab_size).toBe(300);
    expectTensors(base, new Map([...tensors].filter(([name]) => name !== 'lm_head.weight')));
  });

  it('gives the default one of several chat templates, or that of its own file', async () => {
    const chat_template = [
      { name: 'tool_use', template: 'no' },
      { name: 'default', template: 'yes' },
    ];
    const path = await sources.huggingFaceFolder({ tokenizerConfig: { chat_template } });
    expect((await sources.imported(path)).chatTemplate).toBe('yes');
    await writeFile(join(path, 'chat_template.jinja'), 'a file');
    expect((await sources.imported(path)).chatTemplate).toBe('a file');
  });

  it('brings its licence along, and says in a card and a notice where the model is from', async () => {
    const path = await sources.huggingFaceFolder();
    await writeFile(join(path, 'LICENSE.txt'), 'do what you like');
    const out = await sources.import(path);
    expect(await readFile(join(out, 'LICENSE'), 'utf8')).toBe('do what you like');
    expect(await readFile(join(out, 'README.md'), 'utf8')).toMatch(/model\.safetensors, SHA-256 [0-9a-f]{64}/);
    expect(await readFile(join(out, 'NOTICE'), 'utf8')).toContain('the text is in LICENSE');
  });
});

describe('any text', () => {
  it('survives, also where the tokenizer had no piece for some bytes', async () => {
    const { model } = sources.tokenizer;
    // The letters of bytes 4 and 0xf1 give way to others.
    const vocab = Object.fromEntries(
      Object.entries(model.vocab).filter(([piece]) => piece !== '\u0104' && piece !== 'ñ'),
    );
    Object.keys(vocab).forEach((piece, id) => {
      vocab[piece] = id;
    });
    const table = tensors.get('model.embed_tokens.weight') as Matrix;
    const short = { shape: [298, 64], values: table.values.slice(0, 298 * 64) };
    const fewer = new Map(tensors).set('model.embed_tokens.weight', short).set('lm_head.weight', short);
    const base = await sources.imported(
      await sources.ggufFile({ tensors: fewer, tokenizer: { model: { ...model, vocab } } }),
    );
    expect(base.config.vocab_size).toBe(300);
    const text = 'a\u0004b\u{40000}c';
    expect(await base.tokenizer.decode(await base.tokenizer.encode(text))).toBe(text);
    const rows = base.tensors.get('model.embed_tokens.weight')?.toFloat32() as Float32Array;
    const control = vocab['\u0100'];
    expect(rows.slice(299 * 64)).toEqual(rows.slice(control * 64, (control + 1) * 64));
    expect(rows.slice(0, 298 * 64)).toEqual(Float32Array.from(short.values));
  });
});

describe('an imported folder', () => {
  it.each<[string, (path: string) => Promise<unknown>, RegExp]>([
    [
      'with a changed bit of a weight',
      (path) => flip(join(path, 'model.safetensors'), -1),
      /not the file that .* describes/,
    ],
    ['without its index', (path) => rm(join(path, 'model.safetensors.index.json')), /index\.json is no index/],
    ['without its tokenizer', (path) => rm(join(path, 'tokenizer.json')), /tokenizer\.json cannot be used/],
  ])('%s is refused', async (_, damage, says) => {
    const out = await sources.import(await sources.ggufFile());
    await damage(out);
    await expect(loadBase(out)).rejects.toThrow(says);
  });
});

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length + at] ^= 1;
  await writeFile(path, bytes);
}
