import { type Value, withGradient } from '../graph.ts';
import { elementCount, formatShape } from '../shape.ts';
import { log, mul, neg } from './elementwise.ts';
import { reshape } from './layout.ts';
import { softmax } from './normalise.ts';

/** Rows of a table: [entries, width] at int64 indices [rows] -> [rows, width]. */
export function gather(table: Value, indices: Value): Value {
  const [, width] = table.shape;
  if (table.shape.length !== 2 || indices.shape.length !== 1 || indices.type !== 'int64') {
    throw new RangeError(`gather: ${formatShape(table.shape)} at ${indices.type} ${formatShape(indices.shape)}`);
  }
  const { graph } = table;
  return graph.node('Gather', {
    inputs: [table, indices],
    shape: [...indices.shape, width as number],
    attributes: { axis: 0 },
    gradient: (dy) => {
      const zeros = graph.node('ConstantOfShape', {
        inputs: [graph.integers(table.shape.map((dimension) => elementCount([dimension])))],
        shape: table.shape,
      });
      const scattered = graph.node('ScatterND', {
        inputs: [zeros, reshape(indices, [-1, 1]), dy],
        shape: table.shape,
        attributes: { reduction: 'add' },
      });
      return [scattered, undefined];
    },
  });
}

/**
 * Cross-entropy in nats of each row of logits [rows, classes] against an int64 label [rows] -> [rows].
 * Its gradient is taken in closed form: (softmax(logits) - onehot(label)) * dy.
 */
export function crossEntropy(logits: Value, labels: Value): Value {
  const [rows] = logits.shape;
  const { graph } = logits;
  const column = reshape(labels, [-1, 1]);
  const probabilities = softmax(logits);
  const picked = graph.node('GatherElements', {
    inputs: [probabilities, column],
    shape: [rows as number, 1],
    attributes: { axis: 1 },
  });
  // Below float32's smallest normal number the logarithm would be infinite.
  const floored = graph.node('Max', { inputs: [picked, graph.scalar(1e-30)], shape: picked.shape });
  return withGradient(reshape(neg(log(floored)), [rows as number]), [logits], (dy) => {
    const minusOne = graph.node('Neg', { inputs: [onesLike(picked)], shape: picked.shape });
    return [mul(addAt(probabilities, column, minusOne), reshape(dy, [-1, 1]))];
  });
}

/** Adds one number to each row of x [rows, classes]: `values` [rows, 1] at int64 `columns` [rows, 1]. No gradient. */
export function addAt(x: Value, columns: Value, values: Value): Value {
  return x.graph.node('ScatterElements', {
    inputs: [x, columns, values],
    shape: x.shape,
    attributes: { axis: 1, reduction: 'add' },
  });
}

function onesLike(x: Value): Value {
  const size = x.graph.integers(x.shape.map((dimension) => elementCount([dimension])));
  return x.graph.node('Expand', { inputs: [x.graph.scalar(1), size], shape: x.shape });
}
