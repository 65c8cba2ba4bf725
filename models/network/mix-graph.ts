import { add, exp, Graph, log, logSoftmax, mul, softmax, sub, type Value } from '../graph/index.ts';

/** What a model's sum is made of (see form.ts). */
export const mixParts = ['denoiser', 'draft', 'evidence', 'prior'] as const;
export type MixPart = (typeof mixParts)[number];

/**
 * A model's sum at each row, in log-probabilities [rows, vocabulary]: c0 denoiser + c1 draft + c2 evidence + c3 prior, with
 * coefficients c0 .. c3 of shape [rows, 1], `prior` of [vocabulary]. What does not count is not in it.
 *
 * @param counts 'scaled' by its coefficients, or 'whole' where those are all 1
 */
export function mixGraph(vocabulary: number, counts: ReadonlyMap<MixPart, 'scaled' | 'whole'>): Graph {
  const graph = new Graph('mix');
  const part = (name: MixPart) => {
    const how = counts.get(name);
    if (!how) return undefined;
    // Without coefficients a prior would be a row for all.
    const value = graph.input(name, name === 'prior' ? [vocabulary] : ['rows', vocabulary]);
    return how === 'whole' && name !== 'prior' ? value : mul(value, graph.input(`${name}.share`, ['rows', 1]));
  };
  const both = (a: Value | undefined, b: Value | undefined) => (a && b ? add(a, b) : (a ?? b));
  const [denoiser, draft, evidence, prior] = mixParts.map(part);
  const sum = both(both(denoiser, draft), both(evidence, prior));
  if (!sum) throw new RangeError('nothing counts in a sum');
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
