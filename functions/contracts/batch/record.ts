import type { Degradation } from '../request.ts';
import type { BatchEndpoint, RowProblem } from './row.ts';

/** As OpenAI's clients know them. */
export const batchStatuses = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof batchStatuses)[number];

/** Those at which nothing runs any more; a batch may be resumed from each. */
export const endedStatuses = ['failed', 'completed', 'expired', 'cancelled'] as const satisfies readonly BatchStatus[];
export const isEnded = (status: BatchStatus) => (endedStatuses as readonly BatchStatus[]).includes(status);

/** What Validate found. */
export interface BatchSummary {
  /** Rows that can be run, and that cannot. */
  readonly good: number;
  readonly bad: number;
  /** Objects that hold them. */
  readonly segments: number;
  readonly refusedSegments: number;
  /** What the good rows may make and take at most. */
  readonly tokens: number;
  readonly steps: number;
  /** Of the input's bytes, as they came. */
  readonly sha256: string;
  readonly bytes: number;
}

/** What a batch's rows came to, over all its runs. */
export interface BatchTotals {
  readonly completed: number;
  readonly failed: number;
  readonly promptTokens: number;
  readonly tokens: number;
  /** Of the tokens, those that were made without members that were lost; none when absent. */
  readonly degradedTokens?: number;
  readonly steps: number;
  /** By member's name. */
  readonly models: Readonly<Record<string, { readonly steps: number; readonly milliseconds: number }>>;
}

/** What every batch has in the table, under `batchKey`. */
export interface BatchRecord {
  readonly id: string;
  readonly status: BatchStatus;
  readonly keyId: string;
  /** Of the tenant, when it was asked for. */
  readonly tier: string;
  /** The same, for rows that do not say. */
  readonly degradation?: Degradation;
  /** ISO 8601. */
  readonly createdAt: string;
  /** When it came to each status, in seconds since 1970. */
  readonly times: Readonly<Partial<Record<BatchStatus, number>>>;
  readonly endpoint: BatchEndpoint | null;
  readonly window: string;
  /** Seconds since 1970, from when on no row begins. */
  readonly expiresAt: number;
  /** The file of the rows, where it was made one, and where it lies. */
  readonly fileId: string | null;
  readonly inputKey: string;
  /** What plain rows leave out. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** What rows without a seed have theirs of. */
  readonly seed: number;
  /** Rows that are run side by side. */
  readonly lanes: number;
  /** Tokens that all runs together may make. */
  readonly budgetTokens?: number;
  /** Whether to say what it would take, and no more. */
  readonly dryRun: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** How often it was started; an execution's name has it. */
  readonly run: number;
  readonly cancelRequested?: boolean;
  readonly summary?: BatchSummary;
  /** Rows that the budget and the tenant's day have room for, from the first on. */
  readonly admitted?: number;
  readonly totals?: BatchTotals;
  /** By run: what was made by its end, so that each run's usage is the difference. */
  readonly made?: Readonly<Record<string, BatchTotals>>;
  /** Why it failed. */
  readonly errors?: readonly RowProblem[];
  /** Ids of the files that it left. */
  readonly outputFileId?: string | null;
  readonly errorFileId?: string | null;
  /** Seconds since 1970 at which the table forgets it. */
  readonly expires: number;
}

/** A file of a tenant's, under `fileKey`. */
export interface FileRecord {
  readonly id: string;
  readonly filename: string;
  readonly purpose: 'batch' | 'batch_output';
  readonly bytes: number;
  /** In the bucket. */
  readonly key: string;
  readonly createdAt: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

export const batchKey = (id: string) => `BATCH#${id}`;
export const fileKey = (id: string) => `FILE#${id}`;
/** Beside the records, which are listed: counts of the chunks that are done. */
export const countsKey = (id: string, shard: number) => `COUNTS#${id}#${String(shard).padStart(6, '0')}`;
export const countsPrefix = (id: string) => `COUNTS#${id}#`;
