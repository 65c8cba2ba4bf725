import { add, Graph, logSoftmax, mul } from '../graph/index.ts';

/**
 * A model's sum at each row, in log-probabilities [rows, vocabulary]:
 * c0 denoiser + c1 draft + c2 prior + c3 evidence, with coefficients c0 .. c3 of shape [rows, 1], `prior` of [vocabulary].
 */
export function mixGraph(vocabulary: number): Graph {
  const graph = new Graph('mix');
  const part = (name: string) =>
    mul(graph.input(name, ['rows', vocabulary]), graph.input(`${name}.share`, ['rows', 1]));
  const prior = mul(graph.input('prior', [vocabulary]), graph.input('prior.share', ['rows', 1]));
  const sum = add(add(part('denoiser'), part('draft')), add(part('evidence'), prior));
  graph.output('logits', logSoftmax(sum));
  return graph;
}
