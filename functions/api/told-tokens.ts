import type { PositionDetail } from '../../models/ssd2/step-detail.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { StepMessage } from '../contracts/generation.ts';
import type { Numbered } from '../shared/generations/announcements.ts';

/** A committed token with what the block's last merged logits said of it. */
export interface ToldToken {
  readonly token: string;
  /** In nats. */
  readonly logProbability: number;
  /** The likeliest tokens there, likeliest first. */
  readonly likely: readonly (readonly [token: string, logProbability: number])[];
}

const textsOf = new WeakMap<Tokenizer, TokenTexts>();

/** The texts of tokens, each by itself: a part of a character has the replacement character's. */
export class TokenTexts {
  readonly #tokenizer: Tokenizer;
  /** At most as many as the tokenizer has. */
  readonly #known = new Map<number, string>();

  private constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Those of a tokenizer, which a function that stays warm goes on knowing. */
  static of(tokenizer: Tokenizer): TokenTexts {
    const known = textsOf.get(tokenizer) ?? new TokenTexts(tokenizer);
    textsOf.set(tokenizer, known);
    return known;
  }

  async text(id: number): Promise<string> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const text = await this.#tokenizer.decode([id]);
    this.#known.set(id, text);
    return text;
  }

  /** Of tokens together. */
  whole(ids: readonly number[]): Promise<string> {
    return this.#tokenizer.decode(ids);
  }

  all(ids: readonly number[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.text(id)));
  }
}

/** The reports of the last steps of blocks, whose tokens are committed, by lane and block. */
export class LastSteps {
  readonly #reports = new Map<string, StepMessage>();

  add(reports: readonly StepMessage[]): void {
    for (const report of reports) if (report.done) this.#reports.set(place(report), report);
  }

  /** What is told of the first `count` tokens of a lane's block. */
  async told(at: { lane: number; block: number }, count: number, texts: TokenTexts): Promise<ToldToken[]> {
    const report = this.#reports.get(place(at));
    const positions = report?.positions;
    if (!report || !positions) return [];
    return Promise.all(report.tokens.slice(0, count).map(async (id, position) => told(id, positions[position], texts)));
  }
}

function place({ lane, block }: { readonly lane: number; readonly block: number }): string {
  return `${lane}/${block}`;
}

async function told(id: number, { logProbability, merged }: PositionDetail, texts: TokenTexts): Promise<ToldToken> {
  const likely = merged.map(async ([other, value]) => [await texts.text(other), value] as const);
  return { token: await texts.text(id), logProbability, likely: await Promise.all(likely) };
}

/** What is told of all tokens of each lane, once a generation has ended. */
export async function toldTokens(
  events: readonly Numbered[],
  lanes: number,
  texts: TokenTexts,
): Promise<readonly (readonly ToldToken[])[]> {
  const last = new LastSteps();
  const all: ToldToken[][] = Array.from({ length: lanes }, () => []);
  for (const { event } of events) {
    if (event.kind === 'steps') last.add(event.reports);
    if (event.kind !== 'commit') continue;
    for (const { lane, tokens } of event.lanes) {
      all[lane].push(...(await last.told({ lane, block: event.block }, tokens, texts)));
    }
  }
  return all;
}
