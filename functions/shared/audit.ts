import { randomBytes } from 'node:crypto';
import { type Operating, partition } from './operating.ts';

/** What an operator did. */
export interface AuditRecord {
  /** ISO 8601. */
  readonly at: string;
  readonly actor: string;
  readonly act: string;
  /** Which tenant it was about. */
  readonly tenant: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const auditPartition = (month: string) => `AUDIT#${month}`;

/**
 * Puts an act down before it is done, so that there is none without a record. What fails halfway has one, too.
 */
export async function audit(
  operating: Operating,
  act: string,
  tenant: string,
  details: AuditRecord['details'] = {},
): Promise<void> {
  const at = new Date().toISOString();
  const record: AuditRecord = { at, actor: operating.actor, act, tenant, details };
  // Acts of one millisecond stand beside each other.
  await partition(operating, auditPartition(at.slice(0, 7))).put(`${at}#${randomBytes(4).toString('hex')}`, record);
}

/** What was done in a month, ISO 8601, the first act first. */
export async function auditOf(operating: Operating, month: string): Promise<AuditRecord[]> {
  const items = await partition(operating, auditPartition(month)).query<AuditRecord>({ prefix: '2' });
  return items.map(({ sk, ...record }) => record);
}
