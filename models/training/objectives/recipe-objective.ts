import { sequenceSource } from '../../data/sequences.ts';
import type { Corpus } from '../../data/tokenize.ts';
import type { NetworkRecipe } from '../recipe.ts';
import { AutoregressiveObjective } from './autoregressive.ts';
import type { Objective } from './objective.ts';
import { SsdLmObjective } from './ssd-lm.ts';
import { Ssd2Objective } from './ssd2.ts';

/** The block of the grid that an autoregressive model's sequences are cut by, as they have none of their own. */
const autoregressiveBlock = 25;

/** What a recipe trains a model for: the model's kind and mask say which of the three it is. */
export function recipeObjective(
  { model, batch, objective }: Pick<NetworkRecipe, 'model' | 'batch' | 'objective'>,
  corpus: Corpus,
  seed: number,
): Objective {
  const block = model.kind === 'ssd2' ? model.block : autoregressiveBlock;
  const source = sequenceSource(corpus, { block, blocks: batch.blocks }, seed, model.endOfText);
  if (model.kind === 'autoregressive') {
    const length = Math.min((batch.blocks + 1) * block, model.positions);
    return new AutoregressiveObjective(model, { sequences: batch.sequences, length }, source);
  }
  const { sequences, blocks } = batch;
  const { timesteps, selfConditioning, nextTokenWeight } = objective;
  if (model.contextMask === 'full') return new SsdLmObjective(model, { sequences, blocks, seed, timesteps }, source);
  return new Ssd2Objective(model, { sequences, blocks, seed, timesteps, selfConditioning, nextTokenWeight }, source);
}
