import { endpointName } from '../../models/ssd2/routing.ts';
import type { LikelyTokens } from '../../models/ssd2/step-detail.ts';
import type { StepMessage } from '../contracts/generation.ts';
import type { TokenTexts } from './told-tokens.ts';

/** @param first the number of an item's first report, which is `from` */
export function sequenceOfReport(first: number, from: StepMessage, { block, step }: StepMessage): number {
  // An item has the steps of one visit, which stays within a block.
  return first + (block === from.block ? step - from.step : 0);
}

/** What is shown of a denoise step that is not committed yet. */
export async function draftOf(report: StepMessage, texts: TokenTexts): Promise<object> {
  const { lane, block, step, t, tokens, changed, probabilities, settled = 0, done, confidence, entropy } = report;
  const { routes, milliseconds, positions } = report;
  const answered = Object.entries(routes).map(([member, endpoint]) => [member, endpointName(endpoint)]);
  const named = async (likely: LikelyTokens) =>
    Promise.all(likely.map(async ([id, value]) => ({ token: await texts.text(id), logprob: value })));
  const details = positions?.map(async ({ logProbability, mover, merged, members }) => {
    const each = Object.entries(members).map(async ([name, likely]) => [name, await named(likely)] as const);
    return {
      ...{ logprob: logProbability, mover, merged: await named(merged) },
      members: Object.fromEntries(await Promise.all(each)),
    };
  });
  return {
    ...{ index: lane, block, step, t },
    draft: await texts.whole(tokens),
    tokens: await texts.all(tokens),
    ...{ changed, probabilities, settled, done, confidence, entropy, milliseconds },
    routes: Object.fromEntries(answered),
    ...(details ? { positions: await Promise.all(details) } : {}),
  };
}
