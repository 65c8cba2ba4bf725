import { type Generation, visitSchema } from '../contracts/generation.ts';
import { invokeModel, sageMakerTransport, type Transport } from '../invoke-model/invoke-model.ts';
import { loadState, storeState } from '../shared/envelope-store.ts';
import { setting } from '../shared/environment.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { denoiseVisit } from './denoise-visit.ts';

let transport: Transport | undefined;

export const handler = lambdaHandler(visitSchema, async ({ generation, startedAt }): Promise<Generation> => {
  transport ??= sageMakerTransport(setting('SLINGSHOT_ENDPOINT_TIMEOUT_MS'));
  const send = transport;
  const state = await loadState(generation.state);
  const visited = await denoiseVisit(
    { ...generation, state },
    () => Date.now() - Date.parse(startedAt),
    (call, decoding, block, context) => invokeModel(call, decoding, block, context, send),
  );
  return { ...visited, state: await storeState(visited.state) };
});
