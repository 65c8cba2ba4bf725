import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  broadcastTo,
  concat,
  crossEntropy,
  div,
  elementCount,
  exp,
  Graph,
  gather,
  gradients,
  layerNorm,
  linear,
  linearTransposed,
  log,
  logSoftmax,
  matmul,
  mul,
  neg,
  relu,
  reshape,
  rmsNorm,
  rotary,
  slice,
  softmax,
  split,
  sqrt,
  stopGradient,
  sub,
  sum,
  swapLast,
  swiglu,
  transpose,
  type Value,
} from '../../../models/graph/index.ts';
import { Session } from '../../../models/runtime/session.ts';

/**
 * Tolerance: float32 keeps 24 bits, so a central difference with step h has an error of about 6e-8 |f| / h from rounding
 * and h^2 |f'''| / 6 from truncation; at h = 2^-7 and f of order 1 to 10 both stay under 5e-4.
 */
const step = 2 ** -7;
const tolerance = 5e-3;

/** Of a vector. */
function mean(x: Value): Value {
  return div(reshape(sum(x, [0]), []), elementCount(x.shape));
}

interface Case {
  readonly shapes: number[][];
  /** Positive inputs only, away from 0 (logarithm, root, divisor). */
  readonly positive?: boolean;
  readonly build: (inputs: Value[]) => Value;
}

const dimension = fc.integer({ min: 1, max: 5 });
const shape = fc.array(dimension, { minLength: 1, maxLength: 4 });
const matrices = fc.tuple(dimension, dimension, dimension);

const operators: Record<string, fc.Arbitrary<Case>> = {
  add: fc.tuple(shape, fc.nat()).map(([s, k]) => ({ shapes: [s, shrink(s, k)], build: ([a, b]) => add(a, b) })),
  sub: fc.tuple(shape, fc.nat()).map(([s, k]) => ({ shapes: [shrink(s, k), s], build: ([a, b]) => sub(a, b) })),
  mul: fc.tuple(shape, fc.nat()).map(([s, k]) => ({ shapes: [s, shrink(s, k)], build: ([a, b]) => mul(a, b) })),
  div: fc
    .tuple(shape, fc.nat())
    .map(([s, k]) => ({ shapes: [s, shrink(s, k)], positive: true, build: ([a, b]) => div(a, b) })),
  neg: shape.map((s) => ({ shapes: [s], build: ([a]) => neg(a) })),
  exp: shape.map((s) => ({ shapes: [s], build: ([a]) => exp(a) })),
  log: shape.map((s) => ({ shapes: [s], positive: true, build: ([a]) => log(a) })),
  sqrt: shape.map((s) => ({ shapes: [s], positive: true, build: ([a]) => sqrt(a) })),
  relu: shape.map((s) => ({ shapes: [s], build: ([a]) => relu(a) })),
  sum: fc.tuple(shape, fc.nat()).map(([s, k]) => ({ shapes: [s], build: ([a]) => sum(a, [k % s.length]) })),
  reshape: shape.map((s) => ({ shapes: [s], build: ([a]) => reshape(a, [-1]) })),
  transpose: shape.map((s) => ({
    shapes: [s],
    build: ([a]) =>
      transpose(
        a,
        s.map((_, i) => (i + 1) % s.length),
      ),
  })),
  swapLast: matrices.map((s) => ({ shapes: [s], build: ([a]) => swapLast(a) })),
  concat: fc
    .tuple(shape, fc.nat(), dimension)
    .map(([s, k, n]) => ({ shapes: [s, s.with(k % s.length, n)], build: ([a, b]) => concat([a, b], k % s.length) })),
  slice: fc.tuple(shape, fc.nat()).map(([s, k]) => {
    const axis = k % s.length;
    const grown = s.with(axis, s[axis] + 2);
    return { shapes: [grown], build: ([a]) => slice(a, axis, 1, -1) };
  }),
  matmul: fc.tuple(shape, matrices).map(([s, [m, k, n]]) => ({
    shapes: [
      [...s.slice(0, 2), m, k],
      [...s.slice(0, 2), k, n],
    ],
    build: ([a, b]) => matmul(a, b),
  })),
  linear: matrices.map(([m, k, n]) => ({ shapes: [[m, k], [k, n], [n]], build: ([a, b, c]) => linear(a, b, c) })),
  linearTransposed: matrices.map(([m, k, n]) => ({
    shapes: [[m, k], [n, k], [n]],
    build: ([a, b, c]) => linearTransposed(a, b, c),
  })),
  softmax: shape.map((s) => ({ shapes: [s], build: ([a]) => softmax(a) })),
  logSoftmax: shape.map((s) => ({ shapes: [s], build: ([a]) => logSoftmax(a) })),
  // At a width of 1 or 2 the normalised row is a step function of its inputs, which differences cannot follow.
  layerNorm: fc.tuple(dimension, fc.integer({ min: 4, max: 8 })).map(([rows, width]) => ({
    shapes: [[rows, width], [width], [width]],
    build: ([x, gain, bias]) => layerNorm(x, gain, bias),
  })),
  rmsNorm: fc.tuple(dimension, fc.integer({ min: 4, max: 8 })).map(([rows, width]) => ({
    shapes: [[rows, width], [width]],
    build: ([x, gain]) => rmsNorm(x, gain, 1e-5),
  })),
  split: fc.tuple(dimension, dimension, dimension).map(([rows, left, right]) => ({
    shapes: [[rows, left + right]],
    build: ([x]) => {
      const [first, second] = split(x, 1, [left, right]);
      return concat([second, mul(first, first)], 1);
    },
  })),
  swiglu: fc.tuple(dimension, dimension).map(([rows, width]) => ({
    shapes: [[rows, 2 * width]],
    build: ([x]) => swiglu(x),
  })),
  // ONNX Runtime rotates heads of a multiple of 8.
  rotary: fc.tuple(dimension, dimension, fc.integer({ min: 1, max: 3 })).map(([lanes, rows, heads]) => ({
    shapes: [[lanes, rows, heads * 8]],
    build: ([x]) => {
      const angles = Float32Array.from({ length: 5 * 4 }, (_, i) => Math.floor(i / 4) * 10 ** (-(i % 4) / 4));
      const tables = { cosines: angles.map(Math.cos), sines: angles.map(Math.sin) };
      const at = x.graph.integers(Array.from({ length: lanes * rows }, (_, i) => i % 5));
      return rotary(x, reshape(at, [lanes, rows]), tables, 8);
    },
  })),
  gather: fc.tuple(dimension, dimension, fc.array(fc.nat(), { minLength: 1, maxLength: 6 })).map(([n, width, at]) => ({
    shapes: [[n, width]],
    build: ([table]) => gather(table, table.graph.integers(at.map((i) => i % n))),
  })),
  crossEntropy: fc.tuple(dimension, dimension, fc.nat()).map(([rows, classes, k]) => ({
    shapes: [[rows, classes]],
    build: ([x]) => crossEntropy(x, x.graph.integers(Array.from({ length: rows }, (_, i) => (i + k) % classes))),
  })),
};

/** A shape that broadcasts to `s`: some leading axes dropped, some others of size 1. */
function shrink(s: number[], bits: number): number[] {
  return s.slice(bits % s.length).map((d, axis) => ((bits >> axis) & 4 ? 1 : d));
}

/** A fixed sequence of values without structure; positive ones lie in 0.5..2.5, others in -1..1 but not near 0. */
function sample(length: number, offset: number, positive = false): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const u = Math.abs(Math.sin((i + 1) * 12.9898 + offset * 78.233) * 43758.5453) % 1;
    return positive ? 0.5 + 2 * u : (u < 0.5 ? -1 : 1) * (0.1 + 0.9 * ((u * 2) % 1));
  });
}

async function check({ shapes, build, positive }: Case): Promise<void> {
  const graph = new Graph('check');
  const inputs = shapes.map((s, i) => graph.input(`x${i}`, s));
  const y = build(inputs);
  const weights = graph.constant(
    sample(
      y.shape.reduce<number>((n, d) => n * (d as number), 1),
      9,
    ),
    y.shape,
    'weights',
  );
  const axes = y.shape.map((_, axis) => axis);
  const loss = axes.length ? reshape(sum(mul(y, weights), axes), []) : mul(y, weights);
  graph.output('loss', loss);
  gradients(loss, inputs).forEach((gradient, i) => {
    graph.output(`d${i}`, gradient);
  });
  const session = await Session.create(graph, { threads: 1 });
  const feeds = Object.fromEntries(
    inputs.map(({ name }, i) => [
      name,
      sample(
        shapes[i].reduce((n, d) => n * d, 1),
        i,
        positive,
      ),
    ]),
  );
  const results = await session.run(feeds);
  for (const [i, { name }] of inputs.entries()) {
    const x = feeds[name];
    for (let at = 0; at < x.length; at += Math.max(1, Math.floor(x.length / 7))) {
      const shifted = async (by: number) => {
        const moved = Float32Array.from(x);
        moved[at] += by;
        return (await session.run({ ...feeds, [name]: moved })).loss[0];
      };
      const difference = ((await shifted(step)) - (await shifted(-step))) / (2 * step);
      expect(Math.abs(results[`d${i}`][at] - difference), `d loss / d ${name}[${at}]`).toBeLessThan(
        tolerance * Math.max(1, Math.abs(difference)),
      );
    }
  }
  await session.release();
}

describe('gradients agree with central finite differences', () => {
  for (const [name, cases] of Object.entries(operators)) {
    it(name, () => fc.assert(fc.asyncProperty(cases, check), { numRuns: 8, seed: 7 }));
  }

  it('through a value used twice, and not through stopGradient', async () => {
    const graph = new Graph('shared');
    const x = graph.input('x', [3]);
    const loss = mean(mul(mul(x, x), stopGradient(x)));
    graph.output('dx', gradients(loss, [x])[0]);
    const session = await Session.create(graph);
    const { dx } = await session.run({ x: Float32Array.of(1, 2, -3) });
    // d/dx mean(x * x * stop(x)) = 2 x^2 / 3, exact in float32 up to the division.
    expect([...dx].map((d) => d * 3)).toEqual([2, 8, 18].map((d) => expect.closeTo(d, 5)));
  });

  it('of a loss that does not depend on a parameter is an error', () => {
    const graph = new Graph('apart');
    const [x, y] = [graph.input('x', [2]), graph.input('y', [2])];
    expect(() => gradients(mean(x), [y])).toThrow('does not depend on y');
  });
});

describe('shapes are checked as nodes are added', () => {
  const graph = new Graph('shapes');
  const a = graph.input('a', [2, 3]);
  const lanes = graph.input('lanes', ['lanes', 4, 6]);
  it.each([
    ['add', () => add(a, graph.input('b', [2, 2])), '[2, 3] and [2, 2] do not broadcast'],
    ['matmul', () => matmul(a, a), '[2, 3] x [2, 3]'],
    ['linear', () => linear(a, graph.input('w', [2, 2])), '[2, 3] x [2, 2]'],
    ['reshape', () => reshape(a, [4, -1]), '4 does not divide 6'],
    ['concat', () => concat([a, graph.input('c', [3, 3])], 1), 'differ beside axis 1'],
    ['transpose', () => transpose(a, [0, 0]), 'does not permute'],
    ['gather', () => gather(a, a), 'at float32'],
    ['broadcastTo', () => broadcastTo(graph.input('d', [1]), ['lanes']), "needs a symbol's size"],
    ['another graph', () => add(a, new Graph('other').input('x', [3])), 'is of graph other'],
  ])('%s', (_, build, message) => expect(build).toThrow(message));

  it('with symbols carried through products', () => {
    expect(reshape(lanes, [-1, 6]).shape).toEqual(['4*lanes', 6]);
    expect(reshape(reshape(lanes, [-1, 6]), [-1, 4, 3, 2]).shape).toEqual(['lanes', 4, 3, 2]);
  });
});
