import { EventEmitter } from 'node:events';
import type { GenerationEvent } from '../../contracts/generation-record.ts';

/** An event with the number of the first thing that it tells. */
export interface Numbered {
  readonly sequence: number;
  readonly event: GenerationEvent;
}

/**
 * Where steps and their followers share a process, an event that was put down need not be looked for: it is handed on
 * here, by its generation's id. Elsewhere followers go by the clock, whatever their own process puts down.
 */
let isShared = false;
const announcements = new EventEmitter().setMaxListeners(0);
/** What was announced of generations whose followers are about to come. */
const awaited = new Map<string, Numbered[]>();
const mostAwaited = 1_000;

/** Says that steps and their followers share this process, or that they do not. */
export function shareAnnouncements(shared: boolean): void {
  isShared = shared;
}

export function areAnnounced(): boolean {
  return isShared;
}

/** Keeps what is announced of a generation that is not begun yet, for whoever follows it next. */
export function keepForFollower(id: string): void {
  if (!isShared) return;
  awaited.set(id, []);
  // Whoever comes that late looks into the table.
  if (awaited.size > mostAwaited) awaited.delete(awaited.keys().next().value as string);
}

export function announceEvent(id: string, numbered: Numbered): void {
  if (!isShared) return;
  awaited.get(id)?.push(numbered);
  announcements.emit(id, numbered);
}

/** Hears what is announced of a generation from now on, or from its beginning where that was kept. */
export class Announcements {
  readonly #id: string;
  readonly #heard: (numbered: Numbered) => void;
  readonly #wake = () => this.#news.resolve();
  #news = Promise.withResolvers<void>();
  #events: Numbered[];
  /** Whether everything since the generation's beginning is heard here. */
  readonly fromTheBeginning: boolean;

  /** @param interrupted wakes whoever waits, too */
  constructor(id: string, interrupted?: AbortSignal) {
    const kept = awaited.get(id);
    awaited.delete(id);
    this.#id = id;
    this.#events = kept ?? [];
    this.fromTheBeginning = kept !== undefined;
    if (this.#events.length > 0) this.#wake();
    this.#heard = (numbered) => {
      this.#events.push(numbered);
      this.#wake();
    };
    announcements.on(id, this.#heard);
    interrupted?.addEventListener('abort', this.#wake, { once: true });
  }

  /** What was heard since the last time, in the order in which it was announced. */
  take(): Numbered[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Waits for news that came since the last wait, or until some time has passed. @returns whether there are any */
  async wait(milliseconds: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, milliseconds, false);
    const heard = await Promise.race([this.#news.promise.then(() => true), late]);
    clearTimeout(timer);
    if (heard) this.#news = Promise.withResolvers<void>();
    return heard;
  }

  close(): void {
    announcements.off(this.#id, this.#heard);
  }
}
