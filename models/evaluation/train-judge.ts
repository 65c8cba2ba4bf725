import { evenlyThinned } from '../data/evenly-thinned.ts';
import { NgramModel } from '../ngram/ngram-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** Of a judge at most: large beside a tenant's model, since it has to know more than any writer here. */
const judgeBytes = 2 ** 26;

/**
 * An n-gram model that judges texts, made of documents.
 *
 * @param characters of the documents that are taken at most, evenly spread
 */
export async function trainJudge(
  documents: AsyncIterable<string>,
  tokenizer: Tokenizer,
  characters: number,
): Promise<{ model: NgramModel; documents: number }> {
  const texts = await evenlyThinned(documents, characters);
  const ids: number[][] = [];
  for (const text of texts) ids.push([...(await tokenizer.encode(text)), tokenizer.endOfText]);
  const model = NgramModel.train(ids, { vocabulary: tokenizer.size, maxBytes: judgeBytes });
  return { model, documents: texts.length };
}
