import { type Graph, onnxType, type Value, withGradient } from '../graph.ts';
import { type Dimension, formatShape, sizeOf } from '../shape.ts';
import { mul } from './elementwise.ts';
import { reshape } from './layout.ts';
import { gemm } from './product.ts';

/** A matrix in eight bits with a scale for each column: values * scale. */
export interface QuantisedMatrix {
  readonly from: number;
  readonly to: number;
  /** [from, to] */
  readonly values: Int8Array;
  /** [to] */
  readonly scale: Float32Array;
}

/** A base's matrix, which no gradient reaches. */
export interface FrozenMatrix {
  readonly from: number;
  readonly to: number;
  /** Its numbers, [from, to]. */
  readonly dense: () => Float32Array;
  /** What rows are multiplied by, where that is in eight bits. */
  readonly quantised?: QuantisedMatrix;
}

/** A trained correction of a frozen matrix: a [from, rank] times b [rank, to]. */
export interface LowRank {
  readonly a: Value;
  /** [rank], where `a` is in eight bits with a scale for each column; no gradient reaches it then. */
  readonly aScale?: Value;
  readonly b: Value;
  /** 1 or 0 for each row of x, [rows, 1]: whether it counts; everywhere when absent. */
  readonly gate?: Value;
}

/**
 * x [rows, from] times a frozen matrix -> [rows, to], in float32 or, where the matrix is quantised, both in eight bits:
 * each row of x is rounded to 255 levels under a scale of its own, so that a row's numbers do not depend on the rows
 * beside it, and the product is exact in integers. With a correction, x W + (x a) b (LoRA, arXiv 2106.09685), which is in
 * float32, or x a is as x W is.
 *
 * The gradient by x is in float32: that of a cross-entropy over a vocabulary is one large number and very many small
 * ones, which weigh as much together, and which eight bits would all round to 0.
 */
export function frozenLinear(x: Value, name: string, weight: FrozenMatrix, correction?: LowRank): Value {
  if (x.shape.length !== 2 || x.shape[1] !== weight.from) {
    throw new RangeError(`frozenLinear: ${formatShape(x.shape)} x [${weight.from}, ${weight.to}]`);
  }
  const { from, to, quantised } = weight;
  const dense = () => x.graph.constant(weight.dense(), [from, to], `${name}.dense`);
  const product = quantised ? integerProduct(x, name, quantised) : gemm(x, dense());
  const back = (dy: Value) => gemm(dy, dense(), { b: true });
  if (!correction) return withGradient(product, [x], (dy) => [back(dy)]);
  const { a, aScale, b, gate } = correction;
  if (aScale) {
    const { rowScale } = quantiseRows(x);
    return gemm(mul(integerRows(x, a, aScale), gate ? mul(rowScale, gate) : rowScale), b, {}, product);
  }
  const inner = gemm(x, a);
  if (gate) return gemm(mul(inner, gate), b, {}, product);
  return withGradient(gemm(inner, b, {}, product), [x, a, b], (dy) => {
    const dInner = gemm(dy, b, { b: true });
    return [gemm(dInner, a, { b: true }, back(dy)), gemm(x, dInner, { a: true }), gemm(inner, dy, { a: true })];
  });
}

function integerProduct(x: Value, name: string, { from, to, values, scale }: QuantisedMatrix): Value {
  const { graph } = x;
  const matrix = graph.constant(values, [from, to], `${name}.values`);
  return mul(integerRows(x, matrix, graph.constant(scale, [to], `${name}.scale`)), quantiseRows(x).rowScale);
}

/** Rows of x in levels of their own, times a matrix in eight bits with a scale for each column. */
function integerRows(x: Value, matrix: Value, scale: Value): Value {
  const { rows, middle } = quantiseRows(x);
  return x.graph.node('MatMulIntegerToFloat', {
    domain: 'com.microsoft',
    inputs: [rows, matrix, x.graph.scalar(1), scale, middle],
    shape: [x.shape[0] as Dimension, matrix.shape[1] as Dimension],
  });
}

interface QuantisedRows {
  /** uint8 [rows, width] around `middle`. */
  readonly rows: Value;
  /** What one level is worth, [rows, 1]. */
  readonly rowScale: Value;
  readonly middle: Value;
}

/** What several matrices multiply is rounded once. */
const roundedRows = new WeakMap<Value, QuantisedRows>();

function quantiseRows(x: Value): QuantisedRows {
  const known = roundedRows.get(x);
  if (known) return known;
  const { graph, shape } = x;
  const [count] = shape;
  const magnitude = graph.node('ReduceMax', {
    inputs: [graph.node('Abs', { inputs: [x], shape }), graph.integers([-1])],
    shape: [count, 1],
    attributes: { keepdims: 1 },
  });
  // A row of zeros stays one.
  const floored = graph.node('Max', { inputs: [magnitude, graph.scalar(1e-30)], shape: [count, 1] });
  const rowScale = mul(floored, 1 / 127);
  const scales = reshape(rowScale, [sizeOf([count])]);
  const rows = graph.node('QuantizeLinear', {
    inputs: [x, scales, middles(scales)],
    shape,
    type: 'uint8',
    attributes: { axis: 0 },
  });
  const made = { rows, rowScale, middle: graph.constant(Uint8Array.of(128), [], 'middle') };
  roundedRows.set(x, made);
  return made;
}

/** By graph and number of rows. */
const middlesOf = new WeakMap<Graph, Map<Dimension, Value>>();

/** Every row's zero, 128, as a vector of the rows' number; one for all matrices of as many rows. */
function middles(scales: Value): Value {
  const { graph, shape } = scales;
  const all = middlesOf.get(graph) ?? new Map<Dimension, Value>();
  middlesOf.set(graph, all);
  const [count] = shape;
  const known = all.get(count);
  if (known) return known;
  const made = graph.node('Cast', {
    inputs: [graph.node('Max', { inputs: [mul(scales, 0), graph.scalar(128)], shape })],
    shape,
    type: 'uint8',
    attributes: { to: onnxType.uint8 },
  });
  all.set(count, made);
  return made;
}
