import type { StepMessage } from '../../functions/contracts/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { colouredBlock } from './mover-colours.ts';

/** The blocks of a text as they end, so that the finished text can say who moved each word. */
export class SettledText {
  readonly #blocks: StepMessage[] = [];

  step(step: StepMessage): void {
    if (step.done) this.#blocks[step.block] = step;
  }

  /** The text in colours; undefined where tokens by themselves do not make it up, one being a part of a character. */
  async coloured(
    { text, tokens }: { readonly text: string; readonly tokens: number },
    tokenizer: Tokenizer,
    stream: NodeJS.WriteStream,
  ): Promise<string | undefined> {
    let left = tokens;
    let plain = '';
    let coloured = '';
    for (const block of this.#blocks) {
      const kept = block.tokens.slice(0, left);
      left -= kept.length;
      const pieces = await Promise.all(kept.map((id) => tokenizer.decode([id])));
      plain += pieces.join('');
      coloured += colouredBlock(pieces, block, { stream });
    }
    return plain === text ? coloured : undefined;
  }
}
