import { add, exp, Graph, log, logSoftmax, mul, softmax, sub } from '../graph/index.ts';

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

/**
 * The same of a tenant whose draft is a mixture of two next-token distributions, in log-probabilities [rows, vocabulary]:
 * c0 log(s p + (1 - s) q) + c1 prior + c2 evidence, with `documents` log p, `reader` the logits of q, and s, c0 .. c2 of
 * shape [rows, 1].
 */
export function draftMixGraph(vocabulary: number): Graph {
  const graph = new Graph('draft-mix');
  const rows = (name: string) => graph.input(name, ['rows', vocabulary]);
  const share = (name: string) => graph.input(`${name}.share`, ['rows', 1]);
  const s = share('documents');
  const mixture = add(mul(exp(rows('documents')), s), mul(softmax(rows('reader')), sub(1, s)));
  const prior = mul(graph.input('prior', [vocabulary]), share('prior'));
  // What is no token's by either must stay finite where the draft does not count.
  const draft = mul(log(add(mixture, 1e-30)), share('draft'));
  graph.output('logits', logSoftmax(add(add(draft, prior), mul(rows('evidence'), share('evidence')))));
  return graph;
}
