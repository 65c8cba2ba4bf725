import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImportError } from '../../../models/import/import-error.ts';
import { writeModelFolder } from '../../../models/import/import-model.ts';
import { openSource } from '../../../models/import/open-source.ts';
import type { Source } from '../../../models/import/source.ts';
import {
  type GgufModel,
  gguf,
  ggufField,
  type HuggingFaceFolder,
  llamaTensors,
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

/** Opens and writes; the folder must not be there after, nor anything beside it. */
async function failure(source: string): Promise<string> {
  const parent = sources.fresh();
  const error = await openSource(source).then(
    async (opened) => {
      try {
        await writeModelFolder(opened, join(parent, 'out'));
        return undefined;
      } catch (error) {
        return error;
      } finally {
        await opened.close();
      }
    },
    (error) => error,
  );
  expect(error).toBeInstanceOf(ImportError);
  expect(await readdir(parent).catch(() => [])).toEqual([]);
  const { message } = error as Error;
  expect(message).not.toContain('\n');
  return message;
}

describe('what cannot be imported', () => {
  const without = (name: string) => new Map([...tensors].filter(([other]) => other !== name));
  const { text, uint32 } = ggufField;

  it.each<[string, Partial<GgufModel>, RegExp]>([
    ['of another family', { fields: { 'general.architecture': text('gemma') } }, /family gemma; .* llama is read/],
    [
      'of another pre-tokenizer',
      { fields: { 'tokenizer.ggml.pre': text('tekken') } },
      /pre is tekken; gpt-2, smollm are/,
    ],
    ['of no pre-tokenizer', { fields: { 'tokenizer.ggml.pre': undefined } }, /pre is missing; gpt-2, smollm are read/],
    ['of another tokenizer', { fields: { 'tokenizer.ggml.model': text('llama') } }, /model is llama; "gpt2"/],
    ['without a tokenizer', { fields: { 'tokenizer.ggml.tokens': undefined } }, /no tokenizer in the metadata/],
    ['with a type that is not read', { typeNumber: 14 }, /tensor token_embd\.weight is of Q6_K; F32, .* are read/],
    [
      'without a tensor',
      { tensors: without('model.layers.1.mlp.up_proj.weight') },
      /tensor blk\.1\.ffn_up\.weight is missing, \[96,64\]/,
    ],
    [
      'with a tensor of the wrong shape',
      { tensors: new Map(tensors).set('model.norm.weight', { shape: [32], values: Array(32).fill(1) }) },
      /tensor output_norm\.weight has shape \[32\], the configuration needs \[64\]/,
    ],
    [
      'with a tensor that would not be used',
      { tensors: new Map(tensors).set('rope_freqs.weight', { shape: [8], values: Array(8).fill(1) }) },
      /tensor rope_freqs\.weight is none of a llama network's/,
    ],
    [
      'with scaled positions',
      { fields: { 'llama.rope.scaling.type': text('linear') } },
      /rope\.scaling\.type is linear/,
    ],
    ['with experts', { fields: { 'llama.expert_count': uint32(8) } }, /llama\.expert_count is 8/],
    ['without a field', { fields: { 'llama.block_count': undefined } }, /num_hidden_layers/],
    ['that is one of several', { fields: { 'split.count': uint32(2) } }, /one of 2 files/],
    [
      'with heads of another width',
      { fields: { 'llama.rope.dimension_count': uint32(8) } },
      /dimension_count is 8: heads of 16/,
    ],
  ])('a GGUF file %s', async (_, model, says) => {
    const path = await sources.ggufFile(model);
    const message = await failure(path);
    expect(message).toMatch(says);
    expect(message).toContain(path);
  });

  it('a GGUF file cut anywhere', async () => {
    const whole = gguf({ tensors, tokenizer: sources.tokenizer, type: 'Q4_1' });
    const path = `${sources.fresh()}.gguf`;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: whole.length - 64 }), async (length) => {
        await writeFile(path, whole.subarray(0, length));
        expect(await failure(path)).toMatch(/cut off (in|inside) /);
      }),
      { numRuns: 50 },
    );
  });

  it('a GGUF file with a changed byte is read or refused, never mistaken for something to crash on', async () => {
    const whole = gguf({ tensors, tokenizer: sources.tokenizer, type: 'Q4_1' });
    const header = whole.lastIndexOf('output.weight') + 40;
    const path = `${sources.fresh()}.gguf`;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: header }), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const changed = Buffer.from(whole);
        changed[at] ^= by;
        await writeFile(path, changed);
        const outcome = await openSource(path).catch((error) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ImportError);
        else await (outcome as Source).close();
      }),
      { numRuns: 200 },
    );
  });

  it('what is no GGUF file, by its first bytes', async () => {
    const path = `${sources.fresh()}.gguf`;
    await writeFile(path, 'PK\u0003\u0004 some archive, or pickled weights');
    expect(await failure(path)).toMatch(/not a GGUF file/);
    await writeFile(path, Buffer.concat([Buffer.from('GGUF'), Buffer.from([0, 0, 0, 3])]));
    expect(await failure(path)).toMatch(/big-endian/);
    await writeFile(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
    expect(await failure(path)).toMatch(/Git LFS pointer.*git lfs pull/);
    expect(await failure(join(sources.folder, 'nowhere'))).toMatch(/nowhere: no such file or folder/);
  });

  it.each<[string, Partial<HuggingFaceFolder>, RegExp]>([
    ['of another family', { config: { ...tinyLlama, model_type: 'gpt2' } }, /model_type is gpt2; llama, opt are read/],
    [
      'with scaled positions',
      { config: { ...tinyLlama, rope_scaling: { rope_type: 'llama3' } } },
      /rope_scaling is .*llama3/,
    ],
    [
      'with quantised weights',
      { config: { ...tinyLlama, quantization_config: { bits: 4 } } },
      /quantization_config is/,
    ],
    ['with another activation', { config: { ...tinyLlama, hidden_act: 'gelu' } }, /hidden_act/],
    ['with heads of another width', { config: { ...tinyLlama, head_dim: 32 } }, /head_dim is 32: heads of 16 are read/],
    ['that normalises after', { config: { ...tinyOpt, do_layer_norm_before: false } }, /do_layer_norm_before is false/],
    [
      'without a tensor',
      { tensors: without('model.norm.weight') },
      /tensor model\.norm\.weight is missing, \[64\] was/,
    ],
    [
      'with biases',
      { tensors: new Map(tensors).set('model.norm.bias', { shape: [64], values: Array(64).fill(0) }) },
      /norm\.bias is none/,
    ],
  ])('a Hugging Face folder %s', async (_, model, says) => {
    const path = await sources.huggingFaceFolder(model);
    const message = await failure(path);
    expect(message).toMatch(says);
    expect(message).toContain(path);
  });

  it.each<[string, (path: string) => Promise<unknown>, RegExp]>([
    ['without a configuration', (path) => rm(join(path, 'config.json')), /has no config\.json/],
    ['without a tokenizer', (path) => rm(join(path, 'tokenizer.json')), /has no tokenizer\.json: save it/],
    ['without weights', (path) => rm(join(path, 'model.safetensors')), /has no model\.safetensors, nor/],
    [
      'with pickled weights only',
      async (path) => {
        await rm(join(path, 'model.safetensors'));
        await writeFile(join(path, 'pytorch_model.bin'), 'anything');
      },
      /pytorch_model\.bin is pickled/,
    ],
    [
      'with a Git LFS pointer',
      (path) => writeFile(join(path, 'model.safetensors'), 'version https://git-lfs.github.com/spec/v1\n'),
      /model\.safetensors is a Git LFS pointer/,
    ],
    ['with cut weights', (path) => truncate(join(path, 'model.safetensors'), 9000), /model\.safetensors: .*cut off/],
    ['with half a configuration', (path) => truncate(join(path, 'config.json'), 30), /config\.json is no JSON object/],
    [
      'with a tokenizer of another kind',
      (path) =>
        writeFile(join(path, 'tokenizer.json'), JSON.stringify({ model: { type: 'Unigram', vocab: {}, merges: [] } })),
      /tokenizer\.json: not a tokenizer that is read: model\.type: byte-level BPE is read/,
    ],
  ])('a Hugging Face folder %s', async (_, damage, says) => {
    const path = await sources.huggingFaceFolder();
    await damage(path);
    expect(await failure(path)).toMatch(says);
  });

  it('a folder with one of its parts missing, or an index that leads out of the folder', async () => {
    const path = await sources.huggingFaceFolder({ parts: 2 });
    await rm(join(path, 'model-00002-of-00002.safetensors'));
    expect(await failure(path)).toMatch(
      /model-00002-of-00002\.safetensors is missing, model\.safetensors\.index\.json names/,
    );
    await writeFile(
      join(path, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { 'model.norm.weight': '../other/model.safetensors' } }),
    );
    expect(await failure(path)).toMatch(/is no index of safetensors files/);
  });

  it('a folder whose tokenizer has more tokens than the model has rows, or gaps between its ids', async () => {
    const { model } = sources.tokenizer;
    const changed = (vocab: Record<string, number>) => ({ ...sources.tokenizer, model: { ...model, vocab } });
    const more = await sources.huggingFaceFolder({ tokenizer: changed({ ...model.vocab, extra: 300 }) });
    expect(await failure(more)).toMatch(/301 pieces, but the model has 300 rows/);
    const gap = await sources.huggingFaceFolder({ tokenizer: changed({ ...model.vocab, extra: 302 }) });
    expect(await failure(gap)).toMatch(/301 pieces, but none has id 300/);
  });

  it('a source that fails in the middle leaves nothing behind', async () => {
    const source = await openSource(await sources.ggufFile());
    const broken = new Map(source.tensors);
    const read = () => Promise.reject(new ImportError('the disk is gone'));
    broken.set('model.norm.weight', { format: 'F32', shape: [64], read });
    const parent = sources.fresh();
    await expect(writeModelFolder({ ...source, tensors: broken }, join(parent, 'out'))).rejects.toThrow(
      'the disk is gone',
    );
    await source.close();
    expect(await readdir(parent)).toEqual([]);
  });

  it('nothing is written over', async () => {
    const out = await sources.huggingFaceFolder();
    const source = await openSource(await sources.ggufFile());
    await expect(writeModelFolder(source, out)).rejects.toThrow('holds files already');
    await source.close();
    expect(await readdir(out)).toContain('tokenizer_config.json');
  });
});
