import type { Value } from '../graph.ts';
import { elementCount, type Shape, sameShape } from '../shape.ts';
import { div } from './elementwise.ts';
import { broadcastTo, reshape } from './layout.ts';

/** The sum over `axes`, which stay as dimensions of size 1. */
export function sum(x: Value, axes: readonly number[]): Value {
  const shape = x.shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension));
  return x.graph.node('ReduceSum', {
    inputs: [x, x.graph.integers(axes)],
    shape,
    attributes: { keepdims: 1 },
    gradient: (dy) => [broadcastTo(dy, x.shape), undefined],
  });
}

/** The mean of all elements, a scalar. */
export function mean(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return div(reshape(sum(x, axes), []), elementCount(x.shape));
}

/** Undoes broadcasting: sums `x` over the axes along which a tensor of `shape` was repeated. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const added = x.shape.length - shape.length;
  const axes = x.shape.flatMap((dimension, axis) => (axis < added || shape[axis - added] !== dimension ? [axis] : []));
  const summed = sum(x, axes);
  return added > 0 ? reshape(summed, shape) : summed;
}
