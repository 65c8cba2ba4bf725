import type { Value } from './graph.ts';
import { expectShape } from './graph.ts';
import { add } from './operators/elementwise.ts';

/**
 * Reverse-mode differentiation: adds to the graph the nodes that compute d `loss` / d `parameters`, in their order.
 *
 * @param loss a scalar (shape [])
 * @throws Error when the loss does not depend on one of the parameters
 */
export function gradients(loss: Value, parameters: readonly Value[]): Value[] {
  expectShape('gradients', loss, []);
  const order = dependents(loss, new Set(parameters));
  const gradientOf = new Map<Value, Value>([[loss, loss.graph.scalar(1)]]);
  for (const value of order) {
    const gradient = gradientOf.get(value);
    if (!gradient || !value.origin) continue;
    const inputGradients = value.origin.gradient(gradient, value, (other) => gradientOf.get(other));
    value.origin.inputs.forEach((input, i) => {
      const contribution = inputGradients[i];
      if (!contribution || !order.has(input)) return;
      expectShape(`gradient of ${input.name} through ${value.name}`, contribution, input.shape);
      const sum = gradientOf.get(input);
      gradientOf.set(input, sum ? add(sum, contribution) : contribution);
    });
  }
  return parameters.map((parameter) => {
    const gradient = gradientOf.get(parameter);
    if (!gradient) throw new Error(`the loss does not depend on ${parameter.name}`);
    return gradient;
  });
}

/** Every value between the parameters and the loss, last computed first: ids grow in the order of construction. */
function dependents(loss: Value, parameters: ReadonlySet<Value>): Set<Value> {
  const ancestors = new Set<Value>();
  const pending = [loss];
  for (let value = pending.pop(); value; value = pending.pop()) {
    if (ancestors.has(value)) continue;
    ancestors.add(value);
    pending.push(...(value.origin?.inputs ?? []));
  }
  const needed = new Set<Value>();
  for (const value of [...ancestors].sort((a, b) => a.id - b.id)) {
    if (parameters.has(value) || value.origin?.inputs.some((input) => needed.has(input))) needed.add(value);
  }
  return new Set([...needed].reverse());
}
