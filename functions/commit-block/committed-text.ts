import type { Generation } from '../../models/ssd2/generation.ts';
import { generatedTokens, type Lane, wantedTokens } from '../../models/ssd2/lane.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { RecordedLane } from '../contracts/generation-record.ts';

/** A lane's text as far as it may be shown: no character and no stop text is ever in part of it. */
export interface CommittedText extends RecordedLane {
  /** Whether the lane is to make no more text. */
  readonly ended: boolean;
}

/**
 * The text that a lane has committed. Of a lane that goes on, what might be the beginning of a character or of a stop
 * text is held back; so the text after a block begins with the text after the block before.
 *
 * @param stop texts before the first of which the lane's text ends
 */
export async function committedText(
  generation: Generation,
  lane: Lane,
  stop: readonly string[],
  tokenizer: Tokenizer,
): Promise<CommittedText> {
  const ids = generatedTokens(generation, lane);
  const whole = await tokenizer.decode(ids);
  const { steps } = lane;
  const end = firstStop(whole, stop);
  if (end !== undefined) {
    const tokens = await tokensUpTo(end, ids, tokenizer);
    return { text: whole.slice(0, end), tokens, steps, finish: 'stop', ended: true };
  }
  if (lane.done) {
    const finish = ids.length < wantedTokens(generation, lane) ? 'stop' : 'length';
    return { text: whole, tokens: ids.length, steps, finish, ended: true };
  }
  const characters = whole.replace(/\ufffd+$/, '');
  const held = heldBack(characters, stop);
  return {
    text: characters.slice(0, characters.length - held),
    tokens: ids.length,
    steps,
    finish: null,
    ended: false,
  };
}

function firstStop(text: string, stop: readonly string[]): number | undefined {
  const found = stop.map((one) => text.indexOf(one)).filter((index) => index >= 0);
  return found.length > 0 ? Math.min(...found) : undefined;
}

/** How many characters at a text's end a stop text may begin with. */
function heldBack(text: string, stop: readonly string[]): number {
  const longest = Math.max(0, ...stop.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (stop.some((one) => one.startsWith(end))) return length;
  }
  return 0;
}

/** How many tokens it takes until their text has as many characters. */
async function tokensUpTo(length: number, ids: readonly number[], tokenizer: Tokenizer): Promise<number> {
  let [enough, tooFew] = [ids.length, -1];
  while (enough - tooFew > 1) {
    const middle = (enough + tooFew) >> 1;
    const text = (await tokenizer.decode(ids.slice(0, middle))).replace(/\ufffd+$/, '');
    if (text.length >= length) enough = middle;
    else tooFew = middle;
  }
  return enough;
}
