import { type GenerationRecord, lastSequence } from '../contracts/generation-record.ts';
import { ApiError } from '../contracts/problem.ts';
import { setting } from '../shared/environment.ts';
import { Announcements, areAnnounced, type Numbered } from '../shared/generations/announcements.ts';
import { eventsAfter } from '../shared/generations/event-store.ts';
import { getRecord, renewReader } from '../shared/generations/record-store.ts';
import type { Reader } from './http.ts';

/** How soon something new is looked for, which takes longer the longer there is nothing. */
const soonest = 8;
const growth = 1.3;
const latest = 400;
/** Where what is new is announced, hardly anything is left to be found by the clock. */
const latestAnnounced = 2_000;
const firstWait = () => (areAnnounced() ? latestAnnounced : soonest);
const nextWait = (wait: number) => (areAnnounced() ? latestAnnounced : Math.min(latest, wait * growth));
const renewalMilliseconds = 15_000;
/** How long nothing is to be expected of a generation that was just begun; what is announced before is heard. */
const quietMilliseconds = 30;
/** How long after the last event the record is asked whether there was an end that left none. */
const silenceMilliseconds = 3_000;

export interface Followed {
  readonly tenant: string;
  readonly id: string;
  /** Whether the generation belongs to this reader. */
  readonly attached: boolean;
  /** When it was begun, ISO 8601. */
  readonly createdAt: string;
}

async function untilExpected({ createdAt }: Followed, news: Announcements): Promise<void> {
  const left = Date.parse(createdAt) + quietMilliseconds - Date.now();
  if (left > 0) await news.wait(Math.min(left, quietMilliseconds));
}

/** Keeps a generation's reader known while it waits. */
function renewal({ tenant, id, attached }: Followed): () => Promise<void> {
  let last = Date.now();
  return async () => {
    if (!attached || Date.now() - last < renewalMilliseconds) return;
    last = Date.now();
    await renewReader(tenant, id);
  };
}

/** Waits for a generation's end, for as long as its reader does. @returns its record as it is then */
export async function awaitEnd(followed: Followed, { gone, until }: Reader): Promise<GenerationRecord> {
  const { tenant, id } = followed;
  const renew = renewal(followed);
  const news = new Announcements(id, gone);
  try {
    await untilExpected(followed, news);
    for (let wait = firstWait(); ; wait = nextWait(wait)) {
      const record = await getRecord(tenant, id);
      if (!record) throw new ApiError('not_ready', `generation ${id} was not begun; try again`);
      const left = until - Date.now();
      if (record.status !== 'running' || left <= 0 || gone.aborted) return record;
      await news.wait(Math.min(wait, left));
      // What was heard is in the record, too.
      news.take();
      await renew();
    }
  } finally {
    news.close();
  }
}

/** A generation's events as they come, until its end; undefined where there was nothing for a heartbeat's time. */
export async function* follow(followed: Followed): AsyncGenerator<Numbered | undefined> {
  const { tenant, id } = followed;
  const heartbeat = setting('SLINGSHOT_HEARTBEAT_MS');
  const renew = renewal(followed);
  const news = new Announcements(id);
  let last = -1;
  let told = Date.now();
  let asked = told;
  let wait = firstWait();
  let isHeard = news.fromTheBeginning;
  try {
    if (!isHeard) await untilExpected(followed, news);
    for (;;) {
      const events = isHeard ? news.take() : await eventsAfter(tenant, id, last);
      for (const numbered of events) {
        // A step that was run again, or was found before it was heard of.
        if (numbered.sequence <= last) continue;
        yield numbered;
        last = numbered.sequence;
        if (numbered.event.kind === 'end') return;
      }
      const now = Date.now();
      if (events.length > 0) {
        wait = firstWait();
        told = asked = now;
      } else if (now - told >= heartbeat) {
        yield undefined;
        told = now;
      }
      if (now - asked >= silenceMilliseconds) {
        asked = now;
        const record = await getRecord(tenant, id);
        const status = record?.status ?? 'failed';
        if (status !== 'running') yield { sequence: lastSequence, event: { kind: 'end', status } };
        if (status !== 'running') return;
      }
      // What was put down since the table was last looked into is heard of. That none of it is missed, in spite of
      // whatever went wrong there, is seen to by looking again after a while.
      isHeard = await news.wait(Math.min(wait, Math.max(1, told + heartbeat - Date.now())));
      wait = nextWait(wait);
      await renew();
    }
  } finally {
    news.close();
  }
}
