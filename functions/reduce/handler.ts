import { type Generation, reductionSchema } from '../contracts/generation.ts';
import { loadEnvelope, loadState, storeState } from '../shared/envelope-store.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { reduce } from './reduce.ts';

export const handler = lambdaHandler(
  reductionSchema,
  async ({ generation, answers, startedAt }): Promise<Generation> => {
    const loaded = await Promise.all(
      answers.map(async ({ member, envelope, milliseconds }) => {
        return [member, { envelope: await loadEnvelope(envelope), milliseconds }] as const;
      }),
    );
    const state = await loadState(generation.state);
    const elapsed = Date.now() - Date.parse(startedAt);
    const reduced = reduce({ ...generation, state }, Object.fromEntries(loaded), elapsed);
    return { ...reduced, state: await storeState(reduced.state) };
  },
);
