import { type Generation, visitSchema } from '../contracts/generation.ts';
import { invokeModel, sharedTransport } from '../invoke-model/invoke-model.ts';
import { loadState, storeState } from '../shared/envelope-store.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { denoiseVisit } from './denoise-visit.ts';

export const handler = lambdaHandler(visitSchema, async ({ generation, startedAt }): Promise<Generation> => {
  const send = sharedTransport();
  const state = await loadState(generation.state);
  const visited = await denoiseVisit(
    { ...generation, state },
    () => Date.now() - Date.parse(startedAt),
    (call, decoding, block, context) => invokeModel(call, decoding, block, context, send),
  );
  return { ...visited, state: await storeState(visited.state) };
});
