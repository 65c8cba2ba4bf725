import type { DiffusionConfig } from '../../models/ssd2/config.ts';

/** Rows of numbers. */
export type Rows = readonly (readonly number[])[];

interface Layer {
  readonly keys: Rows;
  readonly values: Rows;
}

type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>;

/** What one noised block is denoised from. */
export interface ReferenceBlock {
  /** x_t, [block][vocabulary]. */
  readonly x: Rows;
  /** The previous logits' probabilities, [block][vocabulary]. */
  readonly previous?: Rows;
  readonly t: number;
}

/**
 * SSD-2 over OPT's decoder (arXiv 2205.01068: pre-LN, learned positions, ReLU; without a linear attention bias), written
 * down a second time as loops over float64 numbers: no graph, no batches, no cache. It shares nothing with the product
 * but the names of the tensors.
 */
export class ReferenceNetwork {
  readonly #config: DiffusionConfig;
  readonly #weights: Weights;

  constructor(config: DiffusionConfig, weights: Weights) {
    this.#config = config;
    this.#weights = weights;
  }

  /** Log-probabilities [block][vocabulary] of a block after a context, whose tokens stand at positions 0, 1, ... */
  denoise(context: readonly number[], { x, previous, t }: ReferenceBlock): Rows {
    const { layers: clean } = this.#encode(context);
    const { simplex, selfConditioning } = this.#config;
    let rows: Rows = x.map((noised, i) => {
      const prior = simplex === 'posterior' ? this.#vector('prior') : noised.map(() => 0);
      const own = softmax(noised.map((value, v) => value + prior[v]));
      const given = previous?.[i];
      const mixed = given && selfConditioning === 'mean' ? own.map((p, v) => (p + given[v]) / 2) : own;
      const parts = [
        this.#product(mixed, 'embed.simplex'),
        this.#row('embed.positions', context.length + i),
        this.#product([t], 'embed.time.weight'),
        this.#vector('embed.time.bias'),
      ];
      if (given && selfConditioning === 'separate') parts.push(this.#product(given, 'embed.previous'));
      return parts.reduce(sum);
    });
    clean.forEach(({ keys, values }, layer) => {
      const name = `layers.${layer}`;
      const { queries, keys: ownKeys, values: ownValues } = this.#project(name, rows);
      // Everything before the block, and all of the block itself.
      rows = this.#rest(name, rows, queries, () => ({
        keys: [...keys, ...ownKeys],
        values: [...values, ...ownValues],
      }));
    });
    return this.#head(rows).map((logits, i) => logSoftmax(simplex === 'posterior' ? sum(logits, x[i]) : logits));
  }

  /** Log-probabilities [context][vocabulary] of each clean position's next token. */
  nextTokens(context: readonly number[]): Rows {
    return this.#head(this.#encode(context).last).map(logSoftmax);
  }

  #encode(context: readonly number[]): { layers: Layer[]; last: Rows } {
    const { block, contextMask, layers: count } = this.#config;
    // Segment 0 is what is left over when the rest is cut into whole blocks.
    const left = context.length % block || block;
    const segment = (i: number) => (i < left ? 0 : 1 + Math.floor((i - left) / block));
    let rows: Rows = context.map((token, i) => sum(this.#row('embed.tokens', token), this.#row('embed.positions', i)));
    const layers: Layer[] = [];
    for (let layer = 0; layer < count; layer++) {
      const name = `layers.${layer}`;
      const { queries, keys, values } = this.#project(name, rows);
      layers.push({ keys, values });
      rows = this.#rest(name, rows, queries, (i) => {
        const seen = (_: unknown, j: number) => (contextMask === 'causal' ? j <= i : segment(j) <= segment(i));
        return { keys: keys.filter(seen), values: values.filter(seen) };
      });
    }
    return { layers, last: rows };
  }

  #project(layer: string, rows: Rows): { queries: Rows; keys: Rows; values: Rows } {
    const normal = rows.map((row) => this.#norm(row, `${layer}.attention.norm`));
    const part = (which: string) => normal.map((row) => this.#affine(row, `${layer}.attention.${which}`));
    return { queries: part('query'), keys: part('key'), values: part('value') };
  }

  /** Attention over what each row sees, and the feed-forward layer. */
  #rest(layer: string, rows: Rows, queries: Rows, seenBy: (row: number) => Layer): Rows {
    const { width, heads } = this.#config;
    const size = width / heads;
    return rows.map((row, i) => {
      const { keys, values } = seenBy(i);
      const attended = Array.from({ length: heads }, (_, head) => {
        const slice = (vector: readonly number[]) => vector.slice(head * size, (head + 1) * size);
        const query = slice(queries[i]);
        const weights = softmax(keys.map((key) => dot(query, slice(key)) / Math.sqrt(size)));
        return values.map((value, j) => slice(value).map((number) => number * weights[j])).reduce(sum);
      }).flat();
      const x = sum(row, this.#affine(attended, `${layer}.attention.out`));
      const up = this.#affine(this.#norm(x, `${layer}.feed.norm`), `${layer}.feed.up`).map((n) => Math.max(0, n));
      return sum(x, this.#affine(up, `${layer}.feed.down`));
    });
  }

  #head(rows: Rows): Rows {
    const bias = this.#vector('head.bias');
    return rows.map((row) => {
      const normal = this.#norm(row, 'norm');
      return bias.map((number, v) => number + dot(normal, this.#row('head.weight', v)));
    });
  }

  #norm(row: readonly number[], name: string): number[] {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
    const [gain, bias] = [this.#vector(`${name}.weight`), this.#vector(`${name}.bias`)];
    return row.map((number, i) => ((number - mean) / Math.sqrt(variance + 1e-5)) * gain[i] + bias[i]);
  }

  #affine(row: readonly number[], name: string): number[] {
    return sum(this.#product(row, `${name}.weight`), this.#vector(`${name}.bias`));
  }

  /** row [from] times a weight [from, to]. */
  #product(row: readonly number[], name: string): number[] {
    const { shape, data } = this.#tensor(name);
    const out = new Array<number>(shape[1]).fill(0);
    row.forEach((number, i) => {
      for (let j = 0; j < out.length; j++) out[j] += number * data[i * out.length + j];
    });
    return out;
  }

  #row(name: string, index: number): number[] {
    const { shape, data } = this.#tensor(name);
    return Array.from({ length: shape[1] }, (_, j) => data[index * shape[1] + j]);
  }

  #vector(name: string): number[] {
    return Array.from(this.#tensor(name).data);
  }

  #tensor(name: string) {
    const tensor = this.#weights.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return tensor;
  }
}

function sum(a: readonly number[], b: readonly number[]): number[] {
  return a.map((number, i) => number + b[i]);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, number, i) => total + number * b[i], 0);
}

export function softmax(row: readonly number[]): number[] {
  return logSoftmax(row).map(Math.exp);
}

function logSoftmax(row: readonly number[]): number[] {
  const max = Math.max(...row);
  const normaliser = max + Math.log(row.reduce((total, number) => total + Math.exp(number - max), 0));
  return row.map((number) => number - normaliser);
}
