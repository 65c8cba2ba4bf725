import { expectShape, type Value } from '../graph.ts';
import { elementCount, formatShape, sameShape } from '../shape.ts';
import { reshape, swapLast } from './layout.ts';

/** The matrix product over the last two axes, [..., m, k] x [..., k, n] -> [..., m, n]; leading axes must be equal. */
export function matmul(a: Value, b: Value): Value {
  const leading = a.shape.slice(0, -2);
  const [m, k] = a.shape.slice(-2);
  const [inner, n] = b.shape.slice(-2);
  if (m === undefined || n === undefined || k !== inner || !sameShape(leading, b.shape.slice(0, -2))) {
    throw new RangeError(`matmul: ${formatShape(a.shape)} x ${formatShape(b.shape)}`);
  }
  return a.graph.node('MatMul', {
    inputs: [a, b],
    shape: [...leading, m, n],
    gradient: (dy) => [matmul(dy, swapLast(b)), matmul(swapLast(a), dy)],
  });
}

interface Transposition {
  readonly a?: boolean;
  readonly b?: boolean;
}

/** The product of two matrices, either taken transposed, plus an optional row [n] or matrix [m, n]. */
export function gemm(a: Value, b: Value, transposed: Transposition = {}, bias?: Value): Value {
  const [m, k] = transposed.a ? a.shape.toReversed() : a.shape;
  const [inner, n] = transposed.b ? b.shape.toReversed() : b.shape;
  if (a.shape.length !== 2 || b.shape.length !== 2 || k !== inner) {
    throw new RangeError(`linear: ${formatShape(a.shape)} x ${formatShape(b.shape)}`);
  }
  const isRow = bias?.shape.length === 1;
  if (bias) expectShape('linear', bias, isRow ? [n as number] : [m as number, n as number]);
  return a.graph.node('Gemm', {
    inputs: bias ? [a, b, bias] : [a, b],
    shape: [m as number, n as number],
    attributes: { transA: transposed.a ? 1 : 0, transB: transposed.b ? 1 : 0 },
    gradient: (dy) => [
      transposed.a ? gemm(b, dy, { a: transposed.b ?? false, b: true }) : gemm(dy, b, { b: !transposed.b }),
      transposed.b ? gemm(dy, a, { a: true, b: transposed.a ?? false }) : gemm(a, dy, { a: !transposed.a }),
      ...(bias ? [isRow ? columnSums(dy) : dy] : []),
    ],
  });
}

/** An affine map of rows: [rows, in] x [in, out] + [out] -> [rows, out]. */
export function linear(x: Value, weight: Value, bias?: Value): Value {
  return gemm(x, weight, {}, bias);
}

/** The same with the weight stored transposed, like an embedding's table: [rows, in] x [out, in] + [out]. */
export function linearTransposed(x: Value, weight: Value, bias?: Value): Value {
  return gemm(x, weight, { b: true }, bias);
}

/**
 * The sum of a matrix's rows, [rows, width] -> [width], as a product with a row of ones: ONNX Runtime's ReduceSum over
 * the first axis is several times slower.
 */
export function columnSums(x: Value): Value {
  const rows = elementCount([x.shape[0]]);
  const ones = x.graph.constant(new Float32Array(rows).fill(1), [1, rows], `ones${rows}`);
  return reshape(matmul(ones, x), [x.shape[1]]);
}
