import { EventEmitter } from 'node:events';

/**
 * Where steps and their followers share a process, a new event need not be looked for: it is announced here, by its
 * generation's id. Elsewhere nothing is ever announced, and followers go by the clock.
 */
const announcements = new EventEmitter().setMaxListeners(0);
let announced = false;

export function announceEvent(id: string): void {
  announced = true;
  announcements.emit(id);
}

/** Whether this process is one where events are announced. */
export function areAnnounced(): boolean {
  return announced;
}

/** Notices what is announced of a generation from now on. */
export class Announcements {
  readonly #id: string;
  readonly #heard: () => void;
  #news = Promise.withResolvers<void>();

  /** @param interrupted wakes whoever waits, too */
  constructor(id: string, interrupted?: AbortSignal) {
    this.#id = id;
    this.#heard = () => this.#news.resolve();
    announcements.on(id, this.#heard);
    interrupted?.addEventListener('abort', this.#heard, { once: true });
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
