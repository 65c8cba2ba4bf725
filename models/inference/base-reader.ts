import type { LlamaBase } from '../network/llama-base.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import { nextTokenForm } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { BaseRunner } from './base-runner.ts';
import { laneRows } from './lane-rows.ts';

/** A base without any adapter: its next-token logits over a block's draft. */
export class BaseReader {
  readonly #runner: BaseRunner;
  readonly #block: number;

  private constructor(runner: BaseRunner, block: number) {
    this.#runner = runner;
    this.#block = block;
  }

  static async create(
    base: LlamaBase,
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

  release(): Promise<void> {
    return this.#runner.release();
  }
}
