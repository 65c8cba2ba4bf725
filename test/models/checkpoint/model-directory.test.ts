import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDiffusionModel } from '../../../models/checkpoint/model-directory.ts';
import { dequantiseAll, quantiseAll } from '../../../models/checkpoint/quantisation.ts';
import {
  BFloat16Array,
  decodeSafetensors,
  encodeSafetensors,
  type Tensor,
} from '../../../models/checkpoint/safetensors.ts';
import { tinyConfig, tinyFleet, tinyWeights } from '../../support/tiny-fleet.ts';

describe('safetensors', () => {
  const tensor = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 20 }).map((values) => ({
    shape: [values.length],
    data: Float32Array.from(values),
  }));

  it('in fp32 come back bit for bit', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), tensor), fc.dictionary(fc.string(), fc.string()), (record, metadata) => {
        const tensors = new Map(Object.entries(record).filter(([name]) => name !== '__metadata__'));
        const decoded = decodeSafetensors(Buffer.concat(encodeSafetensors(tensors, metadata)));
        expect(decoded.metadata).toEqual(metadata);
        expect([...decoded.tensors]).toEqual([...tensors]);
      }),
      { examples: [[{}, JSON.parse('{"__proto__": ""}')]] },
    );
  });

  it('in fp16 come back as the nearest halves', () => {
    const data = Float32Array.of(1, 0.1, -65504, 1e-8);
    const bytes = Buffer.concat(encodeSafetensors(new Map([['x', { shape: [4], data: new Float16Array(data) }]])));
    expect(decodeSafetensors(bytes).tensors.get('x')?.data).toEqual(Float32Array.of(1, 0.0999755859375, -65504, 0));
  });

  it('in bf16 come back with the upper half of their bits, rounded to nearest', () => {
    const data = BFloat16Array.from(Float32Array.of(1, 1 + 2 ** -9, 1 + 3 * 2 ** -9, -3e38, 0.1));
    const bytes = Buffer.concat(encodeSafetensors(new Map([['x', { shape: [5], data }]])));
    const back = decodeSafetensors(bytes).tensors.get('x')?.data as Float32Array;
    // Halfway goes to the even neighbour; other numbers keep 8 bits.
    expect([...back.slice(0, 3)]).toEqual([1, 1, 1 + 2 ** -7]);
    expect(Math.abs(back[3] / -3e38 - 1)).toBeLessThan(2 ** -8);
    expect(Math.abs(back[4] / 0.1 - 1)).toBeLessThan(2 ** -8);
  });

  it('in int8 come back within half a step of their channel', () => {
    const weights = tinyWeights(tinyConfig, 4);
    const decoded = decodeSafetensors(Buffer.concat(encodeSafetensors(quantiseAll(weights))));
    const back = dequantiseAll(decoded.tensors);
    expect([...back.keys()]).toEqual([...weights.keys()]);
    for (const [name, byRow] of [
      ['embed.tokens', true],
      ['layers.0.feed.up.weight', false],
    ] as const) {
      const { shape, data } = weights.get(name) as Tensor;
      const [rows, columns] = shape;
      for (let channel = 0; channel < (byRow ? rows : columns); channel++) {
        const at = byRow
          ? Array.from({ length: columns }, (_, i) => channel * columns + i)
          : Array.from({ length: rows }, (_, i) => i * columns + channel);
        const largest = Math.max(...at.map((i) => Math.abs(data[i])));
        for (const i of at) {
          const error = Math.abs((back.get(name)?.data[i] ?? Number.NaN) - data[i]);
          // Half of largest / 127, and float32's rounding.
          expect(error).toBeLessThanOrEqual((largest / 254) * 1.0001);
        }
      }
    }
    // Vectors are kept in float16, and come back as such.
    expect(back.get('norm.weight')?.data).toEqual(weights.get('norm.weight')?.data);
  });

  /** A file of float32 tensors, with a header of the test's own. */
  const written = (header: Record<string, unknown>, values: readonly number[]) => {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, Buffer.from(Float32Array.from(values).buffer)]);
  };
  const pair = (from: number, to: number) => ({ dtype: 'F32', shape: [2], data_offsets: [from, to] });

  it('of another writer, in any order and without a digest, are read', () => {
    const { tensors } = decodeSafetensors(written({ b: pair(8, 16), a: pair(0, 8) }, [1, 2, 3, 4]));
    expect([...tensors]).toEqual([
      ['b', { shape: [2], data: Float32Array.of(3, 4) }],
      ['a', { shape: [2], data: Float32Array.of(1, 2) }],
    ]);
  });

  it.each([
    ['overlap', { a: pair(0, 8), b: pair(4, 12) }, [1, 2, 3], 'tensor b overlaps'],
    ['are the same bytes', { a: pair(0, 8), b: pair(0, 8) }, [1, 2], 'tensor b overlaps'],
    ['leave a gap', { a: pair(0, 8), b: pair(12, 20) }, [1, 2, 3, 4, 5], '4 bytes of no tensor before b'],
    ['begin late', { a: pair(4, 12) }, [1, 2, 3], '4 bytes of no tensor before a'],
    ['leave bytes after them', { a: pair(0, 8) }, [1, 2, 3], '4 bytes after the last tensor'],
    ['hold NaN', { a: pair(0, 8) }, [1, Number.NaN], 'tensor a holds NaN at element 1'],
    ['hold an infinity', { a: pair(0, 8) }, [Number.NEGATIVE_INFINITY, 1], 'tensor a holds -Infinity at element 0'],
    ['have metadata of no texts', { __metadata__: { a: 1 }, a: pair(0, 8) }, [1, 2], 'metadata are not texts'],
  ])('that %s are refused', (_, header, values, message) => {
    expect(() => decodeSafetensors(written(header, values))).toThrow(message);
  });

  it('with any bit changed are refused, or the same: a bit of what names the digest takes it away alone', () => {
    const tensors = new Map([['x', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }]]);
    const whole = Buffer.concat(encodeSafetensors(tensors, { state: '{"step":7}' }));
    let refused = 0;
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      let read: ReturnType<typeof decodeSafetensors>;
      try {
        read = decodeSafetensors(damaged);
      } catch {
        refused++;
        continue;
      }
      expect([...read.tensors], `bit ${bit}`).toEqual([...tensors]);
      expect(read.metadata.state).toBe('{"step":7}');
    }
    expect(refused).toBeGreaterThan(8 * (whole.length - 'slingshot.sha256'.length - 8));
  });

  it.each([
    [[1, 3], [2, 3], undefined],
    [[2, 1], [2, 3], undefined],
    [[3, 1], [2, 3], 'x.scale has shape [3,1]; of [2,3]'],
    [[2], [2, 3], 'x.scale has shape [2]; of [2,3]'],
    [[1, 6], [6], 'x.scale has shape [1,6]; of [6]'],
  ])('a scale of shape %j of a tensor %j: %s', (scaleShape, shape, message) => {
    const filled = (of: readonly number[]) => ({
      shape: of,
      data: new Float32Array(of.reduce((a, b) => a * b)).fill(1),
    });
    const stored = new Map(Object.entries({ x: filled(shape), 'x.scale': filled(scaleShape) }));
    if (message === undefined) expect([...dequantiseAll(stored).keys()]).toEqual(['x']);
    else expect(() => dequantiseAll(stored)).toThrow(message);
  });

  it('a scale of no tensor, or too large for its tensor, is refused', () => {
    const one = (value: number, shape = [2, 1]) => ({ shape, data: new Float32Array(2).fill(value) });
    expect(() => dequantiseAll(new Map([['x.scale', one(1)]]))).toThrow('x.scale is the scale of none');
    const stored = new Map([
      ['x', one(127)],
      ['x.scale', one(1e38)],
    ]);
    expect(() => dequantiseAll(stored)).toThrow('tensor x holds Infinity');
  });

  it('cut anywhere are an error, never wrong numbers', () => {
    const whole = Buffer.concat(
      encodeSafetensors(new Map([['x', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }]])),
    );
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeSafetensors(whole.subarray(0, length)), `${length} bytes`).toThrow();
    }
  });
});

describe('a model directory', () => {
  let fleet: Awaited<ReturnType<typeof tinyFleet>>;
  let folder: string;
  beforeAll(async () => {
    fleet = await tinyFleet();
    folder = await mkdtemp(join(tmpdir(), 'slingshot-models-'));
  });
  afterAll(async () => {
    await fleet.remove();
    await rm(folder, { recursive: true });
  });

  const copy = async (name: string) => {
    await cp(fleet.fleet.core.directory, join(folder, name), { recursive: true });
    return join(folder, name);
  };

  it('loads what was saved, to the precision of fp16', async () => {
    const { config, weights } = await loadDiffusionModel(fleet.fleet.core.directory);
    expect(config).toEqual(tinyConfig);
    for (const [name, { data }] of tinyWeights(tinyConfig, 1)) {
      expect(weights.get(name)?.data).toEqual(Float32Array.from(new Float16Array(data)));
    }
  });

  it.each([
    ['that is not there', 'missing', async () => {}, /no model in .*: config.json cannot be read/],
    [
      'with weights cut short',
      'cut',
      (path: string) => truncate(join(path, 'model.safetensors'), 5000),
      /model.safetensors is damaged: .*cut off/,
    ],
    [
      'with weights of another model',
      'other',
      (path: string) => cp(join(fleet.folder, 'acme', 'model.safetensors'), join(path, 'model.safetensors')),
      /tensor embed.tokens has shape \[300,8\], config.json needs \[300,16\]/,
    ],
    [
      'with a config that lacks a field',
      'field',
      (path: string) => edit(path, 'config.json', (json) => delete json.block_size),
      /config.json is damaged: block_size/,
    ],
    [
      'with a config that is not JSON',
      'json',
      (path: string) => writeFile(join(path, 'config.json'), '{'),
      /config.json is damaged/,
    ],
    [
      'with a tokenizer of another size',
      'size',
      (path: string) =>
        edit(path, 'config.json', (json) => {
          json.vocab_size = 299;
        }),
      /tokenizer.json: 300 tokens, config.json says 299/,
    ],
    [
      'with a damaged tokenizer',
      'tokenizer',
      (path: string) => writeFile(join(path, 'tokenizer.json'), '{}'),
      /tokenizer.json is damaged/,
    ],
  ])('%s is a ModelError that says so', async (_, name, damage, message) => {
    const path = name === 'missing' ? join(folder, name) : await copy(name);
    await damage(path);
    await expect(loadDiffusionModel(path)).rejects.toThrow(
      expect.objectContaining({ name: 'ModelError', message: expect.stringMatching(message) }),
    );
  });
});

async function edit(path: string, file: string, change: (json: Record<string, unknown>) => unknown): Promise<void> {
  const json = JSON.parse(await readFile(join(path, file), 'utf8'));
  change(json);
  await writeFile(join(path, file), JSON.stringify(json));
}
