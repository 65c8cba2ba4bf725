import { type Played, playerPage } from '../../console/player-page.ts';
import { withEvent } from '../../console/run/from-events.ts';
import { newRun, type Run } from '../../console/run/run.ts';
import { toRunFile } from '../../console/run/run-file.ts';
import { type Settings, usual } from '../../console/settings.ts';
import { draftOf } from '../../functions/api/step-event.ts';
import { TokenTexts } from '../../functions/api/told-tokens.ts';
import type { StepMessage } from '../../functions/contracts/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';

export interface WatchedRequest {
  readonly prompt: string;
  readonly core?: string | undefined;
  readonly tenant?: string | undefined;
  readonly weight?: number | undefined;
  readonly seed?: number | undefined;
  readonly context?: string | undefined;
}

/** A run as the console has it, from the steps of a generation on this machine. */
export class WatchedRun {
  readonly #texts: TokenTexts;
  readonly #settings: Settings;
  #started = performance.now();
  #run: Run;
  #taking = Promise.resolve();

  constructor(
    tokenizer: Tokenizer,
    { prompt, core = 'core', tenant, weight = 0.5, seed = 0, context }: WatchedRequest,
  ) {
    this.#texts = TokenTexts.of(tokenizer);
    const model = tenant === undefined ? core : `${core}+${tenant}`;
    this.#settings = { ...usual, prompt, left: model, weight, seed };
    this.#run = newRun({ model, prompt, seed, private: context !== undefined });
  }

  /** Now the text is asked for. */
  begin(): void {
    this.#started = performance.now();
  }

  step(step: StepMessage): void {
    const at = performance.now() - this.#started;
    this.#taking = this.#taking.then(async () => {
      const data = JSON.stringify({ choices: [await draftOf(step, this.#texts)] });
      this.#run = withEvent(this.#run, { event: 'step', data }, at);
    });
  }

  /** The page that plays the run by itself. @param template the player's */
  async page(template: string, { text, tokens }: { readonly text: string; readonly tokens: number }): Promise<string> {
    await this.#taking;
    const blocks = this.#run.frames.filter(({ done }) => done);
    let left = tokens;
    const commits = blocks.map(({ block, tokens: all }) => {
      const kept = Math.min(left, all.length);
      left -= kept;
      // The text is known as a whole: a character may lie in two blocks.
      return { block, tokens: kept, text: block === blocks.length - 1 ? text : '' };
    });
    const run: Run = { ...this.#run, status: 'succeeded', commits };
    const played: Played = { settings: this.#settings, runs: [toRunFile(run)] };
    return playerPage(template, played);
  }
}
