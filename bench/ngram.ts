import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { loadServedTokenizer } from '../models/checkpoint/served-model.ts';
import { readTexts } from '../models/data/documents.ts';
import { NgramModel } from '../models/ngram/ngram-model.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import type { Row } from './row.ts';
import { medianMilliseconds } from './timing.ts';

const tenants = ['broadcast-video', 'contact-center', 'fairy-tales'];
const orders = [1, 2, 3, 4, 5];

/**
 * The n-gram models of the corpora's tenants over the shipped core's tokenizer: how long one is made, its size, the time of
 * a distribution, and what a held-out character costs at each order.
 */
export async function ngramRows(corpora: string): Promise<Row[]> {
  const tokenizer = await loadServedTokenizer(join(shippedModels, 'core'));
  const { size: vocabulary } = tokenizer;
  const rows: Row[] = [];
  for (const tenant of tenants) {
    const read = (split: string) => readTokens(join(corpora, 'tenants', `${tenant}.${split}.jsonl.gz`), tokenizer);
    const [training, heldOut] = [await read('train'), await read('valid')];
    const row = (what: string, value: number, unit: string) => ({ name: `n-gram, ${tenant}: ${what}`, value, unit });
    const model = NgramModel.train(training.documents, { vocabulary });
    const out = new Float32Array(vocabulary);
    const heldOutText = heldOut.documents.flat();
    const contexts = Array.from({ length: 1000 }, (_, i) => heldOutText.slice(7 * i, 7 * i + model.order - 1));
    const thousand = await medianMilliseconds(5, async () => {
      for (const context of contexts) model.logProbabilities(context, out);
    });
    const trained = await medianMilliseconds(3, async () => NgramModel.train(training.documents, { vocabulary }));
    rows.push(
      row('made in', trained, 'ms'),
      row('size', model.encode().length / 2 ** 20, 'MiB'),
      row('a distribution', thousand, 'us'),
    );
    for (const order of orders) {
      const own = NgramModel.train(training.documents, { vocabulary, order });
      let nats = 0;
      for (const document of heldOut.documents) for (const loss of own.losses(document)) nats += loss;
      rows.push(row(`held out, order ${order}`, nats / heldOut.characters, 'nats/character'));
    }
  }
  return rows;
}

async function readTokens(file: string, tokenizer: Tokenizer): Promise<{ documents: number[][]; characters: number }> {
  const documents: number[][] = [];
  let characters = 0;
  for await (const text of readTexts([file])) {
    documents.push([...(await tokenizer.encode(text)), tokenizer.endOfText]);
    characters += text.length;
  }
  return { documents, characters };
}
