import { add, Graph, gradients, mul, type Value } from '../graph/index.ts';
import { inputParameters } from '../ssd2/graphs.ts';
import type { ParameterSpec } from '../ssd2/parameters.ts';
import type { Objective } from './objectives/objective.ts';

/** The name of the output that holds a parameter's gradient. */
export function gradientName(parameter: string): string {
  return `gradient.${parameter}`;
}

/** The name of the input that a gradient is added to. */
export function earlierName(parameter: string): string {
  return `earlier.${parameter}`;
}

/**
 * Forward and backward pass of a variant: the parameters and the objective's inputs -> losses [rows], and the gradient
 * of the objective by every parameter that the variant uses. Where `parts` batches make a step, it is their part of the
 * mean, added to the input `earlier.NAME`.
 */
export function gradientGraph(
  specs: readonly ParameterSpec[],
  objective: Objective,
  variant: string,
  parts = 1,
): { graph: Graph; trained: string[] } {
  const graph = new Graph(`training-${variant}`);
  const lookUp = inputParameters(graph, specs);
  const used = new Map<string, Value>();
  const { losses, objective: minimised } = objective.forward(
    graph,
    (name) => {
      const value = lookUp(name);
      used.set(name, value);
      return value;
    },
    variant,
  );
  graph.output('losses', losses);
  const trained = specs.filter(({ name, fixed }) => !fixed && used.has(name));
  const values = trained.map(({ name }) => used.get(name) as Value);
  gradients(parts > 1 ? mul(minimised, 1 / parts) : minimised, values).forEach((gradient, i) => {
    const { name, shape } = trained[i];
    graph.output(gradientName(name), parts > 1 ? add(gradient, graph.input(earlierName(name), shape)) : gradient);
  });
  return { graph, trained: trained.map(({ name }) => name) };
}

/** The forward pass alone, with the same inputs -> losses [rows]. */
export function lossGraph(specs: readonly ParameterSpec[], objective: Objective, variant: string): Graph {
  const graph = new Graph(`loss-${variant}`);
  graph.output('losses', objective.forward(graph, inputParameters(graph, specs), variant).losses);
  return graph;
}
