import type { Decoding } from '../../../models/ssd2/decoding.ts';
import type { StepMessage } from '../../contracts/generation.ts';
import {
  type Commit,
  eventKey,
  eventPrefix,
  type GenerationEvent,
  lastSequence,
  sequenceOf,
} from '../../contracts/generation-record.ts';
import { expiryAttribute } from '../table/partition.ts';
import { TenantTable } from '../table/tenant-table.ts';
import { announceEvent, type Numbered } from './announcements.ts';

/** Events are for those who watch, and for those who come back to it within a day. */
const keptSeconds = 86_400;
/** The table takes 400 KB an item. */
const itemBytes = 200_000;

type NumberedBy = Pick<Decoding, 'steps' | 'fallback'>;

/**
 * The number of an event: a function of what it tells, so that a step that is run again tells it under the same number. In
 * the block that begins again without members there are two of each step; those of the text come behind the others.
 *
 * @param step of a block, or its commit, which comes after all its steps
 */
export function sequenceNumber(
  { steps, fallback }: NumberedBy,
  { block, step }: { readonly block: number; readonly step: number | 'commit' },
): number {
  const most = fallback ? 2 * steps : steps;
  const own = step === 'commit' ? most : step + (fallback?.from === block ? steps : 0);
  return block * (most + 1) + own;
}

/** One visit's reports, in as few items as they fit into. */
export async function putStepEvents(
  tenant: string,
  id: string,
  decoding: NumberedBy,
  reports: readonly StepMessage[],
): Promise<void> {
  const steps = [...Map.groupBy(reports, (report) => sequenceNumber(decoding, report))];
  let [first, part, bytes] = [steps[0][0], [] as StepMessage[], 0];
  const items: [number, StepMessage[]][] = [];
  for (const [sequence, own] of steps) {
    const size = JSON.stringify(own).length;
    if (part.length > 0 && bytes + size > itemBytes) {
      items.push([first, part]);
      [first, part, bytes] = [sequence, [], 0];
    }
    part.push(...own);
    bytes += size;
  }
  items.push([first, part]);
  await putEvents(
    tenant,
    id,
    items.map(([sequence, own]) => ({ sequence, event: { kind: 'steps', reports: own } })),
  );
}

export function putCommitEvent(tenant: string, id: string, decoding: NumberedBy, commit: Commit): Promise<void> {
  const sequence = sequenceNumber(decoding, { block: commit.block, step: 'commit' });
  return putEvents(tenant, id, [{ sequence, event: { kind: 'commit', ...commit } }]);
}

export function putEndEvent(
  tenant: string,
  id: string,
  status: Extract<GenerationEvent, { kind: 'end' }>['status'],
): Promise<void> {
  return putEvents(tenant, id, [{ sequence: lastSequence, event: { kind: 'end', status } }]);
}

/** Once all are there, they are announced in their order. */
async function putEvents(tenant: string, id: string, events: readonly Numbered[]): Promise<void> {
  const table = TenantTable.of(tenant);
  const expires = Math.floor(Date.now() / 1000) + keptSeconds;
  // As text: the table's own form of a number in a list takes several times the room.
  const put = ({ sequence, event }: Numbered) =>
    table.put(eventKey(id, sequence), { event: JSON.stringify(event), [expiryAttribute]: expires });
  await Promise.all(events.map(put));
  for (const numbered of events) announceEvent(id, numbered);
}

/** Events whose number is above `after`, in order. */
export async function eventsAfter(tenant: string, id: string, after: number): Promise<Numbered[]> {
  const items = await TenantTable.of(tenant).query<{ event: string }>({
    prefix: eventPrefix(id),
    ...(after < 0 ? {} : { after: eventKey(id, after) }),
  });
  return items.map(({ sk, event }) => ({ sequence: sequenceOf(sk), event: JSON.parse(event) }));
}
