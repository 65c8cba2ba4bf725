import type { FrozenBase } from '../network/frozen-base.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import { nextTokenForm } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { BaseRunner } from './base-runner.ts';
import type { KeptPiece } from './kept-piece.ts';
import { laneRows } from './lane-rows.ts';
import type { Due } from './left-to-right.ts';
import { ownerOfLane } from './owned-lane.ts';

/** A base without any adapter: its next-token logits over a block's draft. */
export class BaseReader {
  readonly #runner: BaseRunner;
  readonly #block: number;

  private constructor(runner: BaseRunner, block: number) {
    this.#runner = runner;
    this.#block = block;
  }

  static async create(
    base: FrozenBase,
    { block, positions }: { readonly block: number; readonly positions: number },
    runtime: RuntimeOptions = {},
  ): Promise<BaseReader> {
    return new BaseReader(await BaseRunner.create(base, undefined, positions, runtime), block);
  }

  /** @returns [block, vocabulary], not normalised; of a lane without a draft only the first position's mean anything */
  logits(lane: LaneStep, owner: string): Promise<Float32Array> {
    return this.#runner.exclusively(async () => {
      const kept = await this.#runner.encode(lane.context.slice(0, -1), owner);
      const { context, tokens } = lane;
      return this.#runner.run([
        laneRows({ block: this.#block, shift: false }, { context, tokens, form: nextTokenForm }, kept),
      ]);
    }, owner);
  }

  /** Of one position a lane: logits [due, vocabulary], not normalised, and what is to be kept. */
  next(due: readonly Due<KeptPiece>[], owner: string): Promise<{ logits: Float32Array; kept: KeptPiece[] }> {
    return this.#runner.exclusively(() => nextOf(this.#runner, due, owner), owner);
  }

  /** What is kept of a token, in bytes. */
  get tokenBytes(): number {
    return this.#runner.tokenBytes;
  }

  release(): Promise<void> {
    return this.#runner.release();
  }
}

/** A base's next-token logits of one position a lane; its turn is the caller's to take. */
export async function nextOf(
  runner: BaseRunner,
  due: readonly Due<KeptPiece>[],
  owner: string,
): Promise<{ logits: Float32Array; kept: KeptPiece[] }> {
  const lanes = [];
  for (const { lane, position, token, memories } of due) {
    const context = await runner.encode(lane.context.slice(0, -1), ownerOfLane(lane, owner));
    lanes.push({ context: [...context, ...memories], token, position: lane.context.length - 1 + position });
  }
  return runner.next(lanes);
}
