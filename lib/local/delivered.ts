import { setTimeout as sleep } from 'node:timers/promises';

/** How often an event is delivered that its function does not take; the service does so for a day. */
const deliveries = 5;

/** Hands an event to a function, as EventBridge does: again, where that fails. */
export async function delivered(handler: (event: unknown) => Promise<unknown>, event: object): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await handler(event);
      return;
    } catch {
      if (attempt === deliveries) return;
      await sleep(100 * 2 ** attempt);
    }
  }
}
