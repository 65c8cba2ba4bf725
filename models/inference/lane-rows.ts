import type { AdapterShape } from '../network/adapter.ts';
import type { LaneStep } from '../ssd2/step.ts';
import type { LaneRows } from './base-runner.ts';
import type { KeptPieces } from './kept-piece.ts';

/**
 * What of a lane goes through the base: the last clean token and the draft so far, as the base reads them; then, with the
 * adapter on, the last clean token again, where rows are shifted, and the block's simplexes. Asked about are the denoiser's
 * rows, then the draft's, of those that the form counts.
 *
 * @param kept the context before its last token
 */
export function laneRows(
  { block, shift }: Pick<AdapterShape, 'block' | 'shift'>,
  { context, tokens, form }: Pick<LaneStep, 'context' | 'tokens' | 'form'>,
  kept: KeptPieces,
): LaneRows {
  const last = context[context.length - 1];
  const start = context.length;
  const drafted = form && form.draft > 0 ? block - 1 : 0;
  const draft = Array.from({ length: drafted }, (_, i) => tokens?.[i][0] ?? last);
  const denoised = !form || form.denoiser > 0;
  const clean = 1 + drafted;
  const before = denoised && shift ? 1 : 0;
  const noised = denoised ? block : 0;
  const adapted = before + noised;
  const range = (length: number, from: number) => Array.from({ length }, (_, i) => from + i);
  return {
    context: kept,
    tokens: [last, ...draft, ...(before ? [last] : [])],
    positions: [...range(clean, start - 1), ...range(adapted, start - before)],
    adapted: range(clean + adapted, 0).map((row) => row >= clean),
    // A noised row sees its whole block and the last clean token, none of the draft.
    sees: (i, j) => (i < clean ? j <= i : j >= clean || j === 0),
    asked: [...range(noised, clean), ...range(drafted > 0 ? block : 0, 0)],
  };
}
