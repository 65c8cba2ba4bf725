import type { GenerationRecord } from '../../contracts/generation-record.ts';
import { release } from '../admission.ts';
import { meter } from '../metering.ts';
import { observeEnd } from '../observe.ts';
import { putEndEvent } from './event-store.ts';
import { getRecord, type RecordedEnd, recordEnd } from './record-store.ts';

/**
 * Ends a generation, however it ended, for good: its record, then the last event, its usage and its place among those in
 * flight. The first end stays; each of the rest is done once, however often this is called, so that a call which was
 * interrupted may be made again.
 *
 * @returns the record as it is; undefined when there is none
 */
export async function endGeneration(
  tenant: string,
  id: string,
  end: RecordedEnd,
): Promise<GenerationRecord | undefined> {
  const recorded = await recordEnd(tenant, id, end);
  const record = recorded ?? (await getRecord(tenant, id));
  if (!record || record.status === 'running') return record;
  if (recorded) observeEnd(recorded);
  const { lanes, spent, status, keyId, model, createdAt, degraded } = record;
  const tokens = lanes.reduce((sum, lane) => sum + lane.tokens, 0);
  const steps = lanes.reduce((sum, lane) => sum + lane.steps, 0);
  await Promise.all([
    putEndEvent(tenant, id, status),
    meter(tenant, {
      ...{ generation: id, keyId, model, createdAt, status, tokens, steps, models: spent },
      ...(degraded ? { degradedTokens: degraded.tokens } : {}),
    }),
    release(tenant, id, { tokens, steps }),
  ]);
  return record;
}
