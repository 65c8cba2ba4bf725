import { mixedSource, sequenceSource } from '../data/sequences.ts';
import type { Corpus } from '../data/tokenize.ts';
import { adapterSpecs } from '../network/adapter.ts';
import type { FrozenBase } from '../network/frozen-base.ts';
import { keptLayers, tunedSpecs } from '../network/tuned-base.ts';
import { type InformationTable, informationTable } from '../ssd2/information.ts';
import { type ParameterSpec, parameterSpecs } from '../ssd2/parameters.ts';
import { AdapterObjective } from './objectives/adapter.ts';
import type { Objective } from './objectives/objective.ts';
import { recipeObjective } from './objectives/recipe-objective.ts';
import { TunedObjective } from './objectives/tuned.ts';
import { logFrequencies } from './parameter-buffers.ts';
import type { Recipe } from './recipe.ts';

/** What a recipe trains: its tensors, and the objective over a text. */
export interface Trainee {
  readonly specs: readonly ParameterSpec[];
  /** Of the training text, where the noise is drawn by it. */
  readonly information?: InformationTable;
  objective(corpus: Corpus, seed: number): Objective;
  /** The objective that validation measures: every token of a block noised, nothing known of the step before. */
  validation(corpus: Corpus, seed: number): Objective;
}

/**
 * @param train the training text, whose token frequencies are the prior
 * @param base what an adapter, or a tuned base's correction, is trained over
 * @param chat what is mixed into the text that trains an adapter
 */
export function traineeOf(recipe: Recipe, train: Corpus, base?: FrozenBase, chat?: Corpus): Trainee {
  const { model, batch, objective } = recipe;
  if (!('base' in model)) {
    const held = { ...objective, selfConditioning: 0 };
    return {
      specs: parameterSpecs(model),
      objective: (corpus, seed) => recipeObjective({ model, batch, objective }, corpus, seed),
      validation: (corpus, seed) => recipeObjective({ model, batch, objective: held }, corpus, seed),
    };
  }
  if (!base) throw new Error('the model is trained over a base, and none was given');
  const { sequences, blocks, noisings = 1 } = batch;
  const source = (corpus: Corpus, seed: number) =>
    sequenceSource(corpus, { block: model.block, blocks }, seed, model.endOfText);
  if (model.kind === 'tuned') {
    const kept = keptLayers(base, model);
    const length = (blocks + 1) * model.block;
    const objectiveOver = (corpus: Corpus, seed: number) =>
      new TunedObjective(kept, { sequences, length }, source(corpus, seed));
    return { specs: tunedSpecs(kept, model), objective: objectiveOver, validation: objectiveOver };
  }
  const information = informationTable(logFrequencies(train.tokens, model.vocabulary));
  const { timesteps, noise = 'uniform', cleanTokens = 0, generator = 'counter', selfConditioning } = objective;
  const mixed = (corpus: Corpus, seed: number) => {
    const { chat: share = 0 } = batch;
    return chat ? mixedSource(source(corpus, seed), { other: source(chat, seed), share, seed }) : source(corpus, seed);
  };
  const drawn = { sequences, blocks, noisings, timesteps, noise, cleanTokens, selfConditioning, generator };
  const plain = { cleanTokens: 0, selfConditioning: 0, noise: 'uniform' } as const;
  return {
    specs: adapterSpecs(base.shape, model),
    information,
    objective: (corpus, seed) =>
      new AdapterObjective(base, model, { ...drawn, seed }, mixed(corpus, seed), information),
    validation: (corpus, seed) =>
      new AdapterObjective(base, model, { ...drawn, ...plain, seed }, source(corpus, seed), information),
  };
}
