import { checkEnvelope } from '../ssd2/envelope-check.ts';
import type { LaneStep } from '../ssd2/step.ts';

/** A request that a model cannot answer; `field` says where. */
export class LaneError extends RangeError {
  override name = 'LaneError';
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** What of a model's config limits a lane. */
export interface LaneLimits {
  readonly vocabulary: number;
  readonly positions: number;
  readonly block: number;
}

/**
 * @param path what the lane is called in messages
 * @throws LaneError when a lane does not fit the model
 */
export function checkLane(config: LaneLimits, lane: LaneStep, path: string): void {
  const { vocabulary, positions, block } = config;
  const room = positions - block;
  if (lane.context.length < 1 || lane.context.length > room) {
    throw new LaneError(`${path}.context`, `${lane.context.length} tokens, the model takes 1 to ${room}`);
  }
  if (lane.given !== undefined && lane.given > lane.context.length)
    throw new LaneError(`${path}.given`, `${lane.given} of ${lane.context.length} tokens`);
  checkIds(`${path}.context`, lane.context, vocabulary);
  if (lane.step >= lane.steps) throw new LaneError(`${path}.step`, `${lane.step} is not below steps, ${lane.steps}`);
  if (lane.tokens) {
    if (lane.tokens.length !== block)
      throw new LaneError(`${path}.tokens`, `${lane.tokens.length} positions, not ${block}`);
    lane.tokens.forEach((ids, position) => {
      checkIds(`${path}.tokens.${position}`, ids, vocabulary);
    });
  } else if (lane.step > 0) throw new LaneError(`${path}.tokens`, 'missing after the first step');
  if (!lane.previous) return;
  try {
    checkEnvelope(lane.previous, { positions: block, vocabulary });
  } catch (error) {
    throw new LaneError(`${path}.selfConditioning`, (error as Error).message);
  }
}

function checkIds(field: string, ids: Iterable<number>, vocabulary: number): void {
  for (const id of ids) {
    if (id >= vocabulary) throw new LaneError(field, `token ${id} is outside the vocabulary of ${vocabulary}`);
  }
}
