import { type DataType, widened } from './safetensors.ts';

/**
 * How a tensor's elements are stored: as numbers, or in blocks of 32 along a row, as ggml defines them.
 *
 * q4_0: a float16 d and 32 nibbles, w = d·(q − 8). q4_1: float16 d and m and 32 nibbles, w = d·q + m. In both, byte j
 * holds element j in its lower half and element j + 16 in its upper one. q8_0: a float16 d and 32 int8, w = d·q.
 */
export const tensorFormats = ['F32', 'F16', 'BF16', 'q4_0', 'q4_1', 'q8_0'] as const;
export type TensorFormat = (typeof tensorFormats)[number];

export const blockLength = 32;

const blockBytes = { q4_0: 18, q4_1: 20, q8_0: 34 };
export type BlockFormat = keyof typeof blockBytes;

export function isBlockFormat(format: TensorFormat): format is BlockFormat {
  return Object.hasOwn(blockBytes, format);
}

/** What a row of `columns` elements takes. */
export function rowBytes(format: TensorFormat, columns: number): number {
  if (isBlockFormat(format)) return (columns / blockLength) * blockBytes[format];
  return columns * (format === 'F32' ? 4 : 2);
}

/** The safetensors type and shape under which a tensor [..., columns] of a format is stored. */
export function storedAs(format: TensorFormat, shape: readonly number[]): { type: DataType; shape: readonly number[] } {
  if (!isBlockFormat(format)) return { type: format, shape };
  const columns = shape[shape.length - 1];
  return { type: 'U8', shape: [...shape.slice(0, -1), columns / blockLength, blockBytes[format]] };
}

/** The shape of the tensor that is stored under `shape`. */
export function shapeOf(format: TensorFormat, stored: readonly number[]): readonly number[] {
  return isBlockFormat(format) ? [...stored.slice(0, -2), stored[stored.length - 2] * blockLength] : stored;
}

/** The elements in order. A product d·q is exact in float32, so that only the sum with m rounds. */
export function toFloat32(format: TensorFormat, bytes: Uint8Array): Float32Array {
  if (!isBlockFormat(format)) return widened(format, bytes);
  const size = blockBytes[format];
  const blocks = bytes.length / size;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(blocks * blockLength);
  for (let block = 0; block < blocks; block++) {
    const at = block * size;
    const d = view.getFloat16(at, true);
    const to = block * blockLength;
    if (format === 'q8_0') {
      for (let i = 0; i < blockLength; i++) out[to + i] = d * view.getInt8(at + 2 + i);
      continue;
    }
    const minimum = format === 'q4_1' ? view.getFloat16(at + 2, true) : 0;
    const zero = format === 'q4_0' ? 8 : 0;
    const nibbles = at + size - blockLength / 2;
    for (let i = 0; i < blockLength / 2; i++) {
      const byte = bytes[nibbles + i];
      out[to + i] = d * ((byte & 15) - zero) + minimum;
      out[to + i + blockLength / 2] = d * ((byte >> 4) - zero) + minimum;
    }
  }
  return out;
}
