import { z } from 'zod';

/** A tensor's elements and shape; float16 on disk becomes float32 in memory. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Tensors = ReadonlyMap<string, Tensor>;

const entrySchema = z.object({
  dtype: z.enum(['F16', 'F32']),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

export class SafetensorsError extends Error {
  override name = 'SafetensorsError';
}

/** The chunks of a safetensors file: an 8-byte header length, a JSON header, and the tensors in the order given. */
export function encodeSafetensors(
  tensors: Tensors,
  type: 'F16' | 'F32',
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  let offset = 0;
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  const chunks: Uint8Array[] = [];
  for (const [name, { shape, data }] of tensors) {
    const stored = type === 'F16' ? new Float16Array(data) : data;
    entries.push([name, { dtype: type, shape, data_offsets: [offset, offset + stored.byteLength] }]);
    offset += stored.byteLength;
    chunks.push(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return [length, padded, ...chunks];
}

/** @throws SafetensorsError saying what is wrong with the file's bytes */
export function decodeSafetensors(bytes: Uint8Array): { tensors: Tensors; metadata: Record<string, string> } {
  const fail = (what: string): never => {
    throw new SafetensorsError(what);
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes are too few for a safetensors file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > bytes.length) fail(`the header is said to end at byte ${start} of ${bytes.length}`);
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes.subarray(8, start)).toString());
  } catch (cause) {
    throw new SafetensorsError('the header is not JSON', { cause });
  }
  if (typeof header !== 'object' || header === null) return fail('the header is no JSON object');
  let metadata: Record<string, string> = {};
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = value;
      continue;
    }
    const entry = entrySchema.safeParse(value);
    if (!entry.success) return fail(`tensor ${name} has a malformed header entry`);
    const { dtype, shape, data_offsets } = entry.data;
    const [from, to] = data_offsets.map((offset) => offset + start);
    const count = shape.reduce((a, b) => a * b, 1);
    const wanted = count * (dtype === 'F16' ? 2 : 4);
    if (to - from !== wanted) fail(`tensor ${name} has ${to - from} bytes, its shape [${shape}] needs ${wanted}`);
    if (to > bytes.length) fail(`the file is cut off inside tensor ${name}: ${bytes.length} bytes of at least ${to}`);
    // A copy, since a typed array must start at a multiple of its element's size; Buffer's own slice would not copy.
    const raw = Uint8Array.prototype.slice.call(bytes, from, to).buffer;
    tensors.set(name, {
      shape,
      data: dtype === 'F16' ? Float32Array.from(new Float16Array(raw)) : new Float32Array(raw),
    });
  }
  return { tensors, metadata };
}
