import { finite, SafetensorsError, type StoredTensor, type Tensor, type Tensors } from './safetensors.ts';

/** The tensor that holds another's scales. */
const suffix = '.scale';

/**
 * A matrix as int8 times a scale a channel, the largest magnitude being 127: a channel is a row of a look-up table
 * [entries, width], or a column, an output, of a linear layer [from, to]. What is no matrix is left to the caller.
 */
export function quantise(
  { shape, data }: Tensor,
  byRow: boolean,
): { values: { shape: readonly number[]; data: Int8Array }; scale: Tensor } {
  const [rows, columns] = shape;
  const channels = byRow ? rows : columns;
  const channelOf = (i: number) => (byRow ? Math.floor(i / columns) : i % columns);
  const largest = new Float32Array(channels);
  data.forEach((value, i) => {
    const channel = channelOf(i);
    largest[channel] = Math.max(largest[channel], Math.abs(value));
  });
  const scale = largest.map((value) => value / 127);
  const values = Int8Array.from(data, (value, i) => Math.round(value / (scale[channelOf(i)] || 1)));
  return { values: { shape, data: values }, scale: { shape: byRow ? [rows, 1] : [1, columns], data: scale } };
}

/** Every matrix as int8 and its scales, the rest in float16. */
export function quantiseAll(weights: Tensors): Map<string, StoredTensor> {
  return new Map(
    [...weights].flatMap(([name, tensor]): [string, StoredTensor][] => {
      const [rows, columns] = tensor.shape;
      if (tensor.shape.length !== 2 || rows === 1) return [[name, { ...tensor, data: new Float16Array(tensor.data) }]];
      const { values, scale } = quantise(tensor, isTable(name, rows, columns));
      return [
        [name, values],
        [`${name}${suffix}`, scale],
      ];
    }),
  );
}

function isTable(name: string, rows: number, columns: number): boolean {
  return name.startsWith('embed.') || (name.startsWith('head.') && rows > columns);
}

/**
 * Tensors with the scales taken back into what they belong to; the shape of a scale says which way it runs.
 *
 * @throws SafetensorsError where a scale is of no tensor or of another shape
 */
export function dequantiseAll(stored: Tensors): Tensors {
  for (const name of stored.keys()) {
    const base = name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
    if (base !== undefined && !stored.has(base)) throw new SafetensorsError(`tensor ${name} is the scale of none`);
  }
  return new Map(
    [...stored]
      .filter(([name]) => !name.endsWith(suffix))
      .map(([name, tensor]) => {
        const scale = stored.get(name + suffix);
        return [name, scale ? finite(name, dequantised(name, tensor, scale)) : tensor];
      }),
  );
}

function dequantised(name: string, { shape, data }: Tensor, scale: Tensor): Tensor {
  const [rows, columns] = shape;
  const byRow = String(scale.shape) === String([rows, 1]);
  if (shape.length !== 2 || (!byRow && String(scale.shape) !== String([1, columns]))) {
    throw new SafetensorsError(
      `tensor ${name}${suffix} has shape [${scale.shape}]; of [${shape}] it is [rows, 1] or [1, columns]`,
    );
  }
  return {
    shape,
    data: data.map((value, i) => value * scale.data[byRow ? Math.floor(i / columns) : i % columns]),
  };
}
