import { Template } from '@huggingface/jinja';
import type { Tokenizer } from './tokenizer.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A model's own form of a conversation, in Jinja as tokenizer_config.json has it. */
export class ChatTemplate {
  /** As it was given. */
  readonly source: string;
  readonly #template: Template;
  readonly #tokenizer: Tokenizer;

  /** @throws Error when `template` is no Jinja */
  constructor(template: string, tokenizer: Tokenizer) {
    this.source = template;
    this.#template = new Template(template);
    this.#tokenizer = tokenizer;
  }

  /** What ends a message, where the tokenizer has a mark for it. */
  get endOfTurn(): readonly number[] {
    const { endOfTurn } = this.#tokenizer;
    return endOfTurn === undefined ? [] : [endOfTurn];
  }

  /**
   * The token ids of a conversation, up to where the assistant's next message begins.
   *
   * The template's special tokens become their ids; a message that spells one stays text.
   */
  async encode(messages: readonly ChatMessage[]): Promise<number[]> {
    const special = [...this.#tokenizer.special].sort(([a], [b]) => b.length - a.length);
    const guard = unused(messages);
    const guarded = (content: string) =>
      special.reduce((text, [spelling]) => text.replaceAll(spelling, spelling[0] + guard + spelling.slice(1)), content);
    const text = this.#template.render({
      messages: messages.map(({ role, content }) => ({ role, content: guarded(content) })),
      add_generation_prompt: true,
    });
    const parts = splitAt(text, special);
    const ids = await Promise.all(
      parts.map((part) => (typeof part === 'number' ? [part] : this.#tokenizer.encode(part.replaceAll(guard, '')))),
    );
    return ids.flat();
  }
}

/** A text with the ids of special tokens where it spells them. */
function splitAt(text: string, special: readonly (readonly [string, number])[]): (string | number)[] {
  let parts: (string | number)[] = [text];
  for (const [spelling, id] of special) {
    parts = parts.flatMap((part) =>
      typeof part === 'number' ? [part] : part.split(spelling).flatMap((piece, i) => (i === 0 ? [piece] : [id, piece])),
    );
  }
  return parts.filter((part) => part !== '');
}

/** A character for internal use (Unicode's noncharacters U+FDD0 to U+FDEF) that no message has. */
function unused(messages: readonly ChatMessage[]): string {
  for (let code = 0xfdd0; code <= 0xfdef; code++) {
    const character = String.fromCharCode(code);
    if (!messages.some(({ content }) => content.includes(character))) return character;
  }
  throw new Error('the messages use all of the noncharacters U+FDD0 to U+FDEF: take one out');
}
