import { describe, expect, it } from 'vitest';
import {
  crossEntropy,
  type FrozenMatrix,
  frozenLinear,
  Graph,
  gradients,
  mul,
  reshape,
  sum,
} from '../../../models/graph/index.ts';
import { quantiseRows } from '../../../models/network/frozen-base.ts';
import { Session } from '../../../models/runtime/session.ts';

const [rows, from, to, rank] = [5, 48, 32, 3];

/** Without structure, in -1..1. */
function sample(length: number, offset: number): Float32Array {
  return Float32Array.from(
    { length },
    (_, i) => 2 * (Math.abs(Math.sin((i + 1) * 12.9898 + offset) * 43758.5453) % 1) - 1,
  );
}

function product(x: Float32Array, w: Float32Array, [m, k, n]: [number, number, number]): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) out[i * n + j] += x[i * k + l] * w[l * n + j];
  }
  return out;
}

/** The root mean square of a difference, as a share of the expected numbers' own. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

/** Stored by output, and as it multiplies rows. */
const stored = sample(to * from, 1);
const weight = Float32Array.from({ length: from * to }, (_, i) => stored[(i % to) * from + Math.floor(i / to)]);
const frozen: FrozenMatrix = quantiseRows([stored], from, to);
const x = sample(rows * from, 2);
/**
 * A row and a column of numbers evenly spread over 255 levels are each rounded by 1 / 127 / sqrt(12) = 0.23 % of their
 * largest, 0.4 % of their root mean square; both together 0.6 %. Twice that leaves room for chance.
 */
const tolerance = 0.012;

describe('a frozen linear layer in eight bits', () => {
  const run = async (input: Float32Array, count: number) => {
    const graph = new Graph('forward');
    graph.output('y', frozenLinear(graph.input('x', ['rows', from]), 'w', frozen));
    const session = await Session.create(graph);
    const { y } = await session.run({ x: { data: input, shape: [count, from] } });
    await session.release();
    return y;
  };

  it('is the product in float64 but for rounding', async () => {
    expect(relativeError(await run(x, rows), product(x, weight, [rows, from, to]))).toBeLessThan(tolerance);
  });

  it('gives a row the same bits alone and among others, a large one too', async () => {
    const loud = x.slice();
    for (let i = 0; i < from; i++) loud[i] *= 1000;
    const together = await run(loud, rows);
    for (let row = 1; row < rows; row++) {
      const alone = await run(loud.slice(row * from, (row + 1) * from), 1);
      expect(together.slice(row * to, (row + 1) * to)).toEqual(alone);
    }
  });

  it('gives a corrected row the same bits on any number of threads, alone and among others', async () => {
    // Of a size that is worth several threads.
    const [from, to, rank, rows] = [576, 64, 32, 40];
    const frozen = quantiseRows([sample(to * from, 3)], from, to);
    const levels = Int8Array.from(sample(from * rank, 4), (value) => Math.round(127 * value));
    const factors = { a: levels, aScale: new Float32Array(rank).fill(1 / 127), b: sample(rank * to, 5) };
    const inputs = sample(rows * from, 6);
    const corrected = async (threads: number, count: number) => {
      const graph = new Graph('corrected');
      // Fed, as an adapter's are, since what is constant is cut otherwise.
      const low = {
        a: graph.input('a', [from, rank], 'int8'),
        aScale: graph.input('aScale', [rank]),
        b: graph.input('b', [rank, to]),
      };
      graph.output('y', frozenLinear(graph.input('x', ['rows', from]), 'w', frozen, low));
      const session = await Session.create(graph, { threads });
      const x = { data: inputs.subarray(0, count * from), shape: [count, from] };
      const { y } = await session.run({ x, ...factors });
      await session.release();
      return y;
    };
    const all = await corrected(1, rows);
    for (const [threads, count] of [
      [1, 27],
      [2, 27],
      [2, rows],
      [4, 27],
    ] as const) {
      expect(await corrected(threads, count)).toEqual(all.subarray(0, count * to));
    }
  });

  it('keeps a row of zeros', async () => {
    expect(await run(new Float32Array(from), 1)).toEqual(new Float32Array(to));
  });

  it('adds a low-rank correction, and passes gradients to it and through', async () => {
    const [a, b, dy] = [sample(from * rank, 3), sample(rank * to, 4), sample(rows * to, 5)];
    const graph = new Graph('adapted');
    const inputs = [graph.input('x', [rows, from]), graph.input('a', [from, rank]), graph.input('b', [rank, to])];
    const y = frozenLinear(inputs[0], 'w', frozen, { a: inputs[1], b: inputs[2] });
    const loss = reshape(sum(reshape(mul(y, graph.constant(dy, [rows, to])), [-1]), [0]), []);
    graph.output('y', y);
    gradients(loss, inputs).forEach((gradient, i) => {
      graph.output(`d${inputs[i].name}`, gradient);
    });
    const session = await Session.create(graph);
    const outputs = await session.run({ x, a, b });
    await session.release();
    const corrected = weight.map((value, i) => {
      let sum = value;
      for (let r = 0; r < rank; r++) sum += a[Math.floor(i / to) * rank + r] * b[r * to + (i % to)];
      return sum;
    });
    const flipped = (matrix: Float32Array, m: number, n: number) =>
      Float32Array.from(matrix, (_, i) => matrix[(i % m) * n + Math.floor(i / m)]);
    const inner = Float32Array.from(product(x, a, [rows, from, rank]));
    const dInner = Float32Array.from(product(dy, flipped(b, rank, to), [rows, to, rank]));
    const expected = {
      y: product(x, corrected, [rows, from, to]),
      dx: product(dy, flipped(corrected, from, to), [rows, to, from]),
      da: product(flipped(x, rows, from), dInner, [from, rows, rank]),
      db: product(flipped(inner, rows, rank), dy, [rank, rows, to]),
    };
    for (const [name, values] of Object.entries(expected)) {
      expect(relativeError(outputs[name], values), name).toBeLessThan(tolerance);
    }
  });

  it('passes on the whole gradient of a cross-entropy over many outputs', async () => {
    const many = 4000;
    const [wide, targets] = [sample(many * from, 6), BigInt64Array.of(1n, 77n, 500n, 2000n, 3999n)];
    const graph = new Graph('head');
    const input = graph.input('x', [rows, from]);
    const losses = crossEntropy(
      frozenLinear(input, 'head', quantiseRows([wide], from, many)),
      graph.constant(targets, [rows], 'targets'),
    );
    const [dx] = gradients(reshape(sum(losses, [0]), []), [input]);
    graph.output('dx', dx);
    const session = await Session.create(graph);
    const outputs = await session.run({ x });
    await session.release();
    // dx = (softmax(x W) - onehot) W^T, of which the first part is spread over all outputs.
    const expected = new Float64Array(rows * from);
    for (let row = 0; row < rows; row++) {
      const logits = Array.from({ length: many }, (_, o) => {
        let sum = 0;
        for (let i = 0; i < from; i++) sum += x[row * from + i] * wide[o * from + i];
        return sum;
      });
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      for (let o = 0; o < many; o++) {
        const d = Math.exp(logits[o]) / total - (Number(targets[row]) === o ? 1 : 0);
        for (let i = 0; i < from; i++) expected[row * from + i] += d * wide[o * from + i];
      }
    }
    expect(relativeError(outputs.dx, expected)).toBeLessThan(0.03);
  });

  it('leaves a row whose correction is off as if there were none', async () => {
    const graph = new Graph('gated');
    const [a, b] = [
      graph.constant(sample(from * rank, 3), [from, rank]),
      graph.constant(sample(rank * to, 4), [rank, to]),
    ];
    const gate = graph.constant(Float32Array.of(1, 0, 1, 0, 1), [rows, 1]);
    graph.output('y', frozenLinear(graph.input('x', [rows, from]), 'w', frozen, { a, b, gate }));
    const session = await Session.create(graph);
    const { y } = await session.run({ x });
    await session.release();
    const plain = await run(x, rows);
    const row = (values: Float32Array, i: number) => values.slice(i * to, (i + 1) * to);
    for (const off of [1, 3]) expect(row(y, off)).toEqual(row(plain, off));
    for (const on of [0, 2, 4]) expect(relativeError(row(y, on), row(plain, on))).toBeGreaterThan(tolerance);
  });
});
