import type { AdaptedModel } from '../../models/checkpoint/adapter-directory.ts';
import type { Rank } from '../../models/network/linear.ts';
import { tinyShape, tinyTensors } from './tiny-base.ts';

/** One row going through the network. */
export interface ReferenceRow {
  /** The embedding, [width]. */
  readonly embedding: readonly number[];
  readonly position: number;
  /** Whether the adapter is on. */
  readonly adapted: boolean;
}

/** A correction's tensors, and its rank. */
type Corrected = Pick<AdaptedModel, 'adapter'> & { readonly config: { readonly rank: Rank } };

/**
 * A Llama-family decoder with a low-rank adapter in float64, as loops over the checkpoint's own tensors: nothing of
 * models/graph or models/network is used.
 */
export class ReferenceLlama {
  readonly #tensors = tinyTensors(tinyShape);
  readonly #model: Corrected;
  readonly #layers: readonly number[];

  /** @param layers the base's that are gone through, the adapter's being counted as they come; all when absent */
  constructor(model: Corrected, layers = Array.from({ length: tinyShape.layers }, (_, layer) => layer)) {
    this.#model = model;
    this.#layers = layers;
  }

  embed(token: number): number[] {
    const { width } = tinyShape;
    return [...this.#tensor('model.embed_tokens.weight').subarray(token * width, (token + 1) * width)];
  }

  /** Probabilities times the table. */
  embedSimplex(probabilities: readonly number[], t: number): number[] {
    const time = this.#adapter('time.weight');
    const bias = this.#adapter('time.bias');
    const sum = Array.from({ length: tinyShape.width }, (_, i) => time[i] * t + bias[i]);
    probabilities.forEach((p, token) => {
      this.embed(token).forEach((value, i) => {
        sum[i] += p * value;
      });
    });
    return sum;
  }

  /** Logits [rows][vocabulary]. @param sees whether row i attends to row j */
  logits(rows: readonly ReferenceRow[], sees: (i: number, j: number) => boolean): number[][] {
    const { heads, groups, width, feedForward } = tinyShape;
    const headWidth = width / heads;
    let x = rows.map(({ embedding }) => [...embedding]);
    for (const [layer, original] of this.#layers.entries()) {
      const at = `model.layers.${original}`;
      const normal = x.map((row) => this.#norm(row, `${at}.input_layernorm.weight`));
      const product = (name: string, row: readonly number[]) => this.#product(`${at}.${name}.weight`, row);
      const qkv = normal.map((row, i) => {
        const low = rows[i].adapted ? this.#correction(`layers.${layer}.qkv`, row) : [];
        const parts = ['q_proj', 'k_proj', 'v_proj'].flatMap((name) => product(`self_attn.${name}`, row));
        return parts.map((value, j) => value + (low[j] ?? 0));
      });
      const head = (row: number, index: number) => {
        const part = qkv[row].slice(index * headWidth, (index + 1) * headWidth);
        return index < heads + groups ? rotate(part, rows[row].position) : part;
      };
      const mixed = rows.map((_, i) =>
        Array.from({ length: heads }, (_, h) => {
          const query = head(i, h);
          const group = Math.floor(h / (heads / groups));
          const seen = rows.flatMap((_, j) => (sees(i, j) ? [j] : []));
          const scores = seen.map((j) => dot(query, head(j, heads + group)) / Math.sqrt(headWidth));
          const weights = softmax(scores);
          const values = seen.map((j) => head(j, heads + groups + group));
          return Array.from({ length: headWidth }, (_, d) =>
            dot(
              weights,
              values.map((value) => value[d]),
            ),
          );
        }).flat(),
      );
      x = x.map((row, i) => {
        const low = rows[i].adapted ? this.#correction(`layers.${layer}.out`, mixed[i]) : [];
        const out = product('self_attn.o_proj', mixed[i]);
        return row.map((value, j) => value + out[j] + (low[j] ?? 0));
      });
      x = x.map((row, i) => {
        const normal = this.#norm(row, `${at}.post_attention_layernorm.weight`);
        const low = rows[i].adapted ? this.#correction(`layers.${layer}.gateUp`, normal) : [];
        const both = ['gate_proj', 'up_proj'].flatMap((name) => product(`mlp.${name}`, normal));
        const [gate, up] = [0, feedForward].map((from) =>
          both.slice(from, from + feedForward).map((value, j) => value + (low[from + j] ?? 0)),
        );
        const activated = gate.map((value, j) => (value / (1 + Math.exp(-value))) * up[j]);
        const down = product('mlp.down_proj', activated);
        const lowDown = rows[i].adapted ? this.#correction(`layers.${layer}.down`, activated) : [];
        return row.map((value, j) => value + down[j] + (lowDown[j] ?? 0));
      });
    }
    const gain = this.#model.adapter.get('norm.gain')?.data;
    return x.map((row) => {
      const normal = this.#norm(row, 'model.norm.weight').map((value, i) => value * (gain?.[i] ?? 1));
      return this.#product('model.embed_tokens.weight', normal);
    });
  }

  #tensor(name: string): Float32Array {
    return this.#tensors.get(name) as Float32Array;
  }

  #adapter(name: string): Float32Array {
    return this.#model.adapter.get(name)?.data as Float32Array;
  }

  #norm(row: readonly number[], gain: string): number[] {
    const scale = 1 / Math.sqrt(dot(row, row) / row.length + tinyShape.normEpsilon);
    return row.map((value, i) => value * scale * this.#tensor(gain)[i]);
  }

  /** With a matrix stored by output. */
  #product(name: string, row: readonly number[]): number[] {
    const matrix = this.#tensor(name);
    return Array.from({ length: matrix.length / row.length }, (_, to) =>
      dot(row, matrix.subarray(to * row.length, (to + 1) * row.length)),
    );
  }

  #correction(name: string, row: readonly number[]): number[] {
    const { rank } = this.#model.config;
    if (rank === 'full') {
      const full = this.#adapter(`${name}.full`);
      const to = full.length / row.length;
      return Array.from({ length: to }, (_, j) => row.reduce((sum, value, i) => sum + value * full[i * to + j], 0));
    }
    const [a, b] = [this.#adapter(`${name}.a`), this.#adapter(`${name}.b`)];
    const inner = Array.from({ length: rank }, (_, r) =>
      row.reduce((sum, value, i) => sum + value * a[i * rank + r], 0),
    );
    const to = b.length / rank;
    return Array.from({ length: to }, (_, j) => inner.reduce((sum, value, r) => sum + value * b[r * to + j], 0));
  }
}

function rotate(part: readonly number[], position: number): number[] {
  const half = part.length / 2;
  return part.map((value, i) => {
    const angle = position * tinyShape.rotaryBase ** (-(i % half) / half);
    const other = i < half ? -part[i + half] : part[i - half];
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export function softmax(scores: readonly number[]): number[] {
  const max = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - max));
  const total = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / total);
}
