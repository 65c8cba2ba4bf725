import type { Value } from '../graph.ts';
import { type Shape, sameShape } from '../shape.ts';
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

/** Undoes broadcasting: sums `x` over the axes along which a tensor of `shape` was repeated. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const added = x.shape.length - shape.length;
  const axes = x.shape.flatMap((dimension, axis) => (axis < added || shape[axis - added] !== dimension ? [axis] : []));
  const summed = sum(x, axes);
  return added > 0 ? reshape(summed, shape) : summed;
}
