import { type LogitsEnvelope, readEnvelope } from '../../models/ssd2/envelope.ts';
import type { Generation, LaneEnvelopes } from '../../models/ssd2/generation.ts';
import type { LaneEnvelopesMessage, Run } from '../contracts/generation.ts';
import { setting } from './environment.ts';
import { loadObject, type Owner, storeObject } from './object-store.ts';

/**
 * Envelopes as a state holds them: in base64, or in the bucket where they are longer than `limit`, by default what the
 * largest state has room for.
 */
export async function storeEnvelopes(
  { tenant }: Pick<Run, 'tenant'>,
  { lanes, envelopes }: LaneEnvelopes,
  limit = setting('SLINGSHOT_INLINE_BYTES'),
): Promise<LaneEnvelopesMessage> {
  const bytes = Buffer.concat(envelopes.map((envelope) => envelope.bytes));
  const inline = bytes.toString('base64');
  if (inline.length <= limit) return { lanes, envelopes: { inline } };
  return { lanes, envelopes: await storeObject(tenant, 'envelopes', bytes) };
}

/** A state has room for the envelopes of one text, candidates for it included, and for no more. */
export function inlineLimit({ lanes, choice }: Pick<Generation, 'lanes' | 'choice'>): number {
  return lanes.length > 1 && !choice ? 0 : setting('SLINGSHOT_INLINE_BYTES');
}

export async function loadEnvelopes(owner: Owner, { lanes, envelopes }: LaneEnvelopesMessage): Promise<LaneEnvelopes> {
  const bytes = 'inline' in envelopes ? Buffer.from(envelopes.inline, 'base64') : await loadObject(owner, envelopes);
  // All of one model's answers, so of one length.
  const length = bytes.length / lanes.length;
  const read = (_: number, index: number): LogitsEnvelope =>
    readEnvelope(bytes.subarray(index * length, (index + 1) * length));
  return { lanes, envelopes: lanes.map(read) };
}
