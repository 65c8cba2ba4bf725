import type { Graph, Value } from '../graph.ts';
import { divide, formatShape, parseDimension, type Shape, sameShape, sizeOf } from '../shape.ts';

/** The same elements in row-major order under another shape, of which one dimension may be -1: what is left over. */
export function reshape(x: Value, shape: Shape): Value {
  const free = shape.indexOf(-1);
  const known = sizeOf(shape.filter((dimension) => dimension !== -1));
  const target = free < 0 ? shape : shape.with(free, divide(sizeOf(x.shape), known));
  if (sizeOf(target) !== sizeOf(x.shape)) {
    throw new RangeError(`reshape: ${formatShape(x.shape)} does not fit ${formatShape(shape)}`);
  }
  if (sameShape(target, x.shape)) return x;
  return x.graph.node('Reshape', {
    inputs: [x, targetSizes(x, target)],
    shape: target,
    type: x.type,
    gradient: (dy) => [reshape(dy, x.shape), undefined],
  });
}

/** The shape as a tensor: a symbol that stays where it was is copied (0), and one may be found from the rest (-1). */
function targetSizes(x: Value, target: Shape): Value {
  const { graph } = x;
  const sizes = target.map((dimension, axis) => {
    if (typeof dimension === 'number') return dimension;
    return dimension === x.shape[axis] ? 0 : dimension;
  });
  const open = sizes.filter((size) => typeof size === 'string');
  if (open.length < 2) return graph.integers(sizes.map((size) => (typeof size === 'string' ? -1 : size)));
  // The last stays open, since it may be 0, which as a size means another thing; the others' sizes are fed.
  const last = sizes.findLastIndex((size) => typeof size === 'string');
  const pieces = sizes.map((size, axis) => {
    if (typeof size === 'number') return graph.integers([size]);
    return axis === last ? graph.integers([-1]) : fedSize(graph, size);
  });
  return graph.node('Concat', { inputs: pieces, shape: [sizes.length], type: 'int64', attributes: { axis: 0 } });
}

function fedSize(graph: Graph, dimension: string): Value {
  const { times, symbols } = parseDimension(dimension);
  return symbols.reduce(
    (product, symbol) => {
      const size = graph.symbolSize(symbol);
      if (!size) throw new RangeError(`reshape: the size of ${symbol} is not fed`);
      return graph.node('Mul', { inputs: [product, size], shape: [1], type: 'int64' });
    },
    graph.integers([times]),
  );
}

export function transpose(x: Value, permutation: readonly number[]): Value {
  if ([...permutation].sort((a, b) => a - b).some((axis, i) => axis !== i) || permutation.length !== x.shape.length) {
    throw new RangeError(`transpose: [${permutation}] does not permute the axes of ${formatShape(x.shape)}`);
  }
  return x.graph.node('Transpose', {
    inputs: [x],
    shape: permutation.map((axis) => x.shape[axis] as number),
    attributes: { perm: permutation },
    gradient: (dy) => [
      transpose(
        dy,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ],
  });
}

/** Transposes the two last axes. */
export function swapLast(x: Value): Value {
  const rank = x.shape.length;
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

/** Repeats dimensions of size 1 up to `shape`, which must have no symbols where it differs. */
export function broadcastTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const sizes = shape.map((dimension, axis) =>
    dimension === x.shape[axis - shape.length + x.shape.length] ? 1 : dimension,
  );
  if (sizes.some((size) => typeof size === 'string')) {
    throw new RangeError(`broadcastTo: ${formatShape(x.shape)} to ${formatShape(shape)} needs a symbol's size`);
  }
  return x.graph.node('Expand', { inputs: [x, x.graph.integers(sizes as number[])], shape });
}

/** One after the other along an axis; `size` names the result's size there where symbols are added up. */
export function concat(xs: readonly [Value, ...Value[]], axis: number, size?: Shape[number]): Value {
  const [first] = xs;
  for (const x of xs) {
    if (!sameShape(x.shape.with(axis, 0), first.shape.with(axis, 0))) {
      throw new RangeError(
        `concat: ${formatShape(first.shape)} and ${formatShape(x.shape)} differ beside axis ${axis}`,
      );
    }
  }
  const sizes = xs.map((x) => x.shape[axis]);
  const known = sizes.every((one) => typeof one === 'number') ? sizes.reduce((a, b) => a + b, 0) : sizes.join('+');
  const total = size ?? known;
  return first.graph.node('Concat', {
    inputs: xs,
    shape: first.shape.with(axis, total),
    attributes: { axis },
    gradient: (dy) => {
      let start = 0;
      return xs.map((x) => {
        const end = start + (x.shape[axis] as number);
        const part = slice(dy, axis, start, end);
        start = end;
        return part;
      });
    },
  });
}

/**
 * Elements `start` (inclusive) to `end` (exclusive) along an axis. Negative positions count from the end; `end` absent
 * takes all the rest. Where the axis has no known size, `size` says what the result's is. A border that is only known
 * when the graph runs is an int64 [1]; no gradient flows then.
 */
export function slice(
  x: Value,
  axis: number,
  start: number | Value,
  end?: number | Value,
  size?: Shape[number],
): Value {
  if (typeof start === 'object' || typeof end === 'object') return sliceAt(x, axis, start, end, size as Shape[number]);
  const whole = x.shape[axis];
  const from = typeof whole === 'number' && start < 0 ? start + whole : start;
  const to = end ?? whole;
  const length = size ?? (typeof to === 'number' ? (to < 0 ? to + (whole as number) : to) - from : undefined);
  if (length === undefined || (typeof length === 'number' && !(length > 0))) {
    throw new RangeError(`slice: ${start}..${end ?? ''} of axis ${axis} of ${formatShape(x.shape)}`);
  }
  const { graph } = x;
  const stop = end ?? 2 ** 31 - 1;
  return graph.node('Slice', {
    inputs: [x, graph.integers([from]), graph.integers([stop]), graph.integers([axis])],
    shape: x.shape.with(axis, length),
    gradient: (dy) => [pad(dy, axis, from, (whole as number) - from - (length as number))],
  });
}

function sliceAt(x: Value, axis: number, start: number | Value, end: number | Value | undefined, size: Shape[number]) {
  const { graph } = x;
  const border = (at: number | Value) => (typeof at === 'number' ? graph.integers([at]) : at);
  return graph.node('Slice', {
    inputs: [x, border(start), border(end ?? 2 ** 31 - 1), graph.integers([axis])],
    shape: x.shape.with(axis, size),
  });
}

/** Consecutive pieces of the given sizes along an axis, all of which must be used where a gradient is taken. */
export function split(x: Value, axis: number, sizes: readonly number[]): Value[] {
  const { graph } = x;
  const pieces = graph.nodeWithOutputs(
    'Split',
    sizes.map((size) => x.shape.with(axis, size)),
    { inputs: [x, graph.integers(sizes)], attributes: { axis }, type: x.type },
  );
  const [first, ...others] = pieces;
  // The first is reached last on the way back: by then the others' gradients are there.
  for (const piece of others) piece.origin = { inputs: [x], gradient: () => [undefined] };
  first.origin = {
    inputs: [x],
    gradient: (dy, _, gradientOf) => [concat([dy, ...others.map((piece) => gradientOf(piece) as Value)], axis)],
  };
  return pieces;
}

/** Zeros before and after, along one axis. */
function pad(x: Value, axis: number, before: number, after: number): Value {
  if (before === 0 && after === 0) return x;
  const rank = x.shape.length;
  const pads = new Array<number>(2 * rank).fill(0);
  pads[axis] = before;
  pads[rank + axis] = after;
  return x.graph.node('Pad', {
    inputs: [x, x.graph.integers(pads)],
    shape: x.shape.with(axis, before + (x.shape[axis] as number) + after),
    gradient: (dy) => [slice(dy, axis, before, before + (x.shape[axis] as number)), undefined],
  });
}
