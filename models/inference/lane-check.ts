import type { ModelConfig } from '../ssd2/config.ts';
import type { LaneStep } from '../ssd2/step.ts';

/** A request that a model cannot answer; `field` says where, from the lane on. */
export class LaneError extends RangeError {
  override name = 'LaneError';
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** @throws LaneError when a lane does not fit the model */
export function checkLane(config: ModelConfig, lane: LaneStep): void {
  const { vocabulary, positions, block } = config;
  const room = positions - block;
  if (lane.context.length < 1 || lane.context.length > room) {
    throw new LaneError('context', `${lane.context.length} tokens, the model takes 1 to ${room}`);
  }
  checkIds('context', lane.context, vocabulary);
  if (lane.step >= lane.steps) throw new LaneError('step', `${lane.step} is not below steps, ${lane.steps}`);
  if (lane.tokens) {
    if (lane.tokens.length !== block) throw new LaneError('tokens', `${lane.tokens.length} positions, not ${block}`);
    lane.tokens.forEach((ids, position) => {
      checkIds(`tokens.${position}`, ids, vocabulary);
    });
  } else if (lane.step > 0) throw new LaneError('tokens', 'missing after the first step');
  if (lane.previous) {
    const { positions: rows, vocabulary: entries } = lane.previous;
    if (rows !== block || entries !== vocabulary) {
      throw new LaneError(
        'selfConditioning',
        `of ${rows} x ${entries} logits, the model's are ${block} x ${vocabulary}`,
      );
    }
    checkIds('selfConditioning.ids', lane.previous.ids, vocabulary);
  }
}

function checkIds(field: string, ids: Iterable<number>, vocabulary: number): void {
  for (const id of ids) {
    if (id >= vocabulary) throw new LaneError(field, `token ${id} is outside the vocabulary of ${vocabulary}`);
  }
}
