import { batchOfRun, type Ledger, type Run, type StepMessage } from '../contracts/generation.ts';
import { wantedBatch } from './batches/batch-store.ts';
import { Cancelled } from './errors.ts';
import { isWanted } from './generations/record-store.ts';

/** How long what was cancelled may go on, in milliseconds: an unwatched step costs no call. */
const checkMilliseconds = 1000;

/**
 * Reads the record of a generation, or of the batch that a run is of, where there is one and the last time is a while ago.
 *
 * @throws Cancelled when nobody wants its text any more
 */
export async function checkWanted<Checked extends Pick<Ledger, 'checkedAt'>>(
  run: Run,
  ledger: Checked,
  now = Date.now(),
): Promise<Checked> {
  const { recorded, tenant, id } = run;
  const batch = batchOfRun(run);
  if (!(recorded || batch) || tenant === null || now - ledger.checkedAt < checkMilliseconds) return ledger;
  if (batch) await wantedBatch(tenant, batch);
  else if (!(await isWanted(tenant, id, now))) throw new Cancelled(`generation ${id} was cancelled`);
  return { ...ledger, checkedAt: now };
}

/** Adds what the steps of some reports cost; lanes of one step share their calls' time. */
export function withCosts({ spent, ...ledger }: Ledger, reports: readonly StepMessage[]): Ledger {
  const sums = new Map(Object.entries(spent));
  reports.forEach(({ block, step, routes, milliseconds }, index) => {
    const before = reports[index - 1];
    const sameCalls = before?.block === block && before.step === step;
    for (const member of Object.keys(routes)) {
      const sum = sums.get(member) ?? { steps: 0, milliseconds: 0 };
      const { transport, ...inModel } = milliseconds[member] ?? {};
      const spentNow = sameCalls ? 0 : Object.values(inModel).reduce((a, b) => a + b, 0);
      const total = Math.round((sum.milliseconds + spentNow) * 1000) / 1000;
      sums.set(member, { steps: sum.steps + 1, milliseconds: total });
    }
  });
  return { ...ledger, spent: Object.fromEntries(sums) };
}
