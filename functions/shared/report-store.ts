import type { Decoding } from '../../models/ssd2/decoding.ts';
import type { Run, StepMessage } from '../contracts/generation.ts';
import { putStepEvents, sequenceNumber } from './generations/event-store.ts';
import { ownerPrefix, putObject } from './object-store.ts';

/**
 * Where the reports of a visit's steps go. A visit that is retried gives the same ones again, under the same number.
 *
 * @param sequence the first step's (see sequenceNumber)
 */
export type ReportSink = (run: Run, reports: readonly StepMessage[], sequence: number) => Promise<void>;

/** One object a visit, named so that listing a generation's gives them in order. */
export function reportKey({ tenant, id }: Pick<Run, 'tenant' | 'id'>, sequence: number): string {
  return `${ownerPrefix(tenant)}/reports/${id}/${String(sequence).padStart(12, '0')}.json`;
}

let sink: ReportSink = (run, reports, sequence) =>
  putObject(run.tenant, reportKey(run, sequence), JSON.stringify(reports));

/** Puts another sink in the bucket's place, where functions and watcher are one process. */
export function replaceReportSink(other: ReportSink): void {
  sink = other;
}

/** Keeps the reports of a visit's steps, if somebody asked for them: of a recorded generation as its events. */
export async function keepReports(run: Run, decoding: Decoding, reports: readonly StepMessage[]): Promise<void> {
  if (!run.watched || reports.length === 0) return;
  if (run.recorded && run.tenant !== null) await putStepEvents(run.tenant, run.id, decoding, reports);
  else await sink(run, reports, sequenceNumber(decoding, reports[0]));
}
