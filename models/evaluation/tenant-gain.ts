import { loadServedTokenizer } from '../checkpoint/served-model.ts';
import { readTexts } from '../data/documents.ts';
import { dataFiles } from '../data/rows.ts';
import { loadStepModel } from '../inference/step-model.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import { cost, logits } from './next-token-cost.ts';
import { ClusterMean, type Estimate } from './statistics.ts';

export interface TenantGainOptions {
  /** Folders of the models. */
  readonly core: string;
  readonly tenant: string;
  /** Text that neither was made of. */
  readonly data: string;
  readonly weight?: number;
  readonly documents?: number;
  readonly runtime?: RuntimeOptions;
}

/** Of a document: what both are prompted with, and what is predicted after it. */
const [promptTokens, predictedTokens] = [25, 100];
const charactersAToken = 8;

/**
 * What each token of held-out text costs the core alone and the core with a tenant's model, in nats, every token given all
 * before it; with 95 % intervals over documents.
 *
 * @throws Error when no document is long enough
 */
export async function tenantGain({
  core,
  tenant,
  data,
  weight = 0.5,
  documents = 12,
  runtime = {},
}: TenantGainOptions): Promise<{ readonly core: Estimate; readonly both: Estimate; readonly documents: number }> {
  const tokenizer = await loadServedTokenizer(core);
  const length = promptTokens + predictedTokens;
  const texts: number[][] = [];
  for await (const text of readTexts(await dataFiles(data))) {
    const ids = await tokenizer.encode(text.slice(0, charactersAToken * length));
    if (ids.length >= length) texts.push([...ids.slice(0, length)]);
  }
  if (texts.length === 0) throw new Error(`${data}: no document has the ${length} tokens that one must have`);
  const count = Math.min(documents, texts.length);
  const chosen = Array.from({ length: count }, (_, i) => texts[Math.floor((i * texts.length) / count)]);
  const models = [await loadStepModel(core, runtime), await loadStepModel(tenant, runtime)];
  const { block, vocabulary } = models[0].config;
  const [alone, both] = [new ClusterMean(), new ClusterMean()];
  for (const ids of chosen) {
    let [general, merged] = [0, 0];
    for (let start = promptTokens; start < length; start += block) {
      const [before, next] = [ids.slice(0, start), ids.slice(start, start + block)];
      const [a, b] = [
        await logits(models[0], before, next, vocabulary),
        await logits(models[1], before, next, vocabulary),
      ];
      next.forEach((token, i) => {
        const row = (all: Float32Array) => all.subarray(i * vocabulary, (i + 1) * vocabulary);
        general += cost(row(a), 1, row(b), 0, token);
        merged += cost(row(a), 1 - weight, row(b), weight, token);
      });
    }
    alone.add(general, predictedTokens);
    both.add(merged, predictedTokens);
  }
  for (const model of models) await model.release();
  return { core: alone.estimate, both: both.estimate, documents: count };
}
