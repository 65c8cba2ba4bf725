import { expectShape, type Value } from '../graph.ts';
import { elementCount, type Shape } from '../shape.ts';
import { div, exp, mul, sub } from './elementwise.ts';
import { reshape } from './layout.ts';
import { columnSums } from './product.ts';
import { sum } from './reduce.ts';

/** exp(x) / sum exp(x) over the last axis. */
export function softmax(x: Value): Value {
  const last = x.shape.length - 1;
  return x.graph.node('Softmax', {
    inputs: [x],
    shape: x.shape,
    attributes: { axis: -1 },
    gradient: (dy, y) => {
      const weighted = mul(dy, y);
      return [sub(weighted, mul(y, sum(weighted, [last])))];
    },
  });
}

/** x - log sum exp(x) over the last axis. */
export function logSoftmax(x: Value): Value {
  const last = x.shape.length - 1;
  return x.graph.node('LogSoftmax', {
    inputs: [x],
    shape: x.shape,
    attributes: { axis: -1 },
    gradient: (dy, y) => [sub(dy, mul(exp(y), sum(dy, [last])))],
  });
}

const epsilon = 1e-5;

/** Layer normalisation (arXiv 1607.06450) over the last axis, with gain and bias of that axis' size. */
export function layerNorm(x: Value, gain: Value, bias: Value): Value {
  const last = x.shape.length - 1;
  const width = elementCount([x.shape[last] as number]);
  expectShape('layerNorm', gain, [width]);
  expectShape('layerNorm', bias, [width]);
  const statistics: Shape = x.shape.with(last, 1);
  const [y, mean, inverseDeviation] = x.graph.nodeWithOutputs('LayerNormalization', [x.shape, statistics, statistics], {
    inputs: [x, gain, bias],
    attributes: { axis: -1, epsilon: { float: epsilon } },
    gradient: (dy) => {
      const normal = mul(sub(x, mean), inverseDeviation);
      const scaled = mul(dy, gain);
      const overRows = (value: Value) => columnSums(reshape(value, [-1, width]));
      const rowMean = (value: Value) => div(sum(value, [last]), width);
      const centred = sub(sub(scaled, rowMean(scaled)), mul(normal, rowMean(mul(scaled, normal))));
      return [mul(centred, inverseDeviation), overRows(mul(dy, normal)), overRows(dy)];
    },
  });
  return y;
}

/** x / sqrt(mean(x^2) + epsilon) * gain over the last axis (RMSNorm, arXiv 1910.07467). */
export function rmsNorm(x: Value, gain: Value, epsilon: number): Value {
  const last = x.shape.length - 1;
  const width = elementCount([x.shape[last] as number]);
  expectShape('rmsNorm', gain, [width]);
  const statistics: Shape = x.shape.with(last, 1);
  const [y, inverse] = x.graph.nodeWithOutputs('SimplifiedLayerNormalization', [x.shape, statistics], {
    inputs: [x, gain],
    attributes: { axis: -1, epsilon: { float: epsilon }, stash_type: 1 },
    gradient: (dy) => {
      const normal = mul(x, inverse);
      const scaled = mul(dy, gain);
      const along = mul(normal, div(sum(mul(scaled, normal), [last]), width));
      return [mul(sub(scaled, along), inverse), columnSums(reshape(mul(dy, normal), [-1, width]))];
    },
  });
  return y;
}
