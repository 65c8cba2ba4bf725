import type { DegradedText, Ledger, StepMessage } from './generation.ts';
import type { Stored } from './stored.ts';

/** What a generation may be; the last three are for good. */
export const generationStatuses = ['running', 'succeeded', 'failed', 'cancelled'] as const;
export type GenerationStatus = (typeof generationStatuses)[number];

/** A text that a generation makes, as far as it is committed. */
export interface RecordedLane {
  readonly text: string;
  /** Committed tokens. */
  readonly tokens: number;
  readonly steps: number;
  /** Why it ended: by itself or at a stop text, or by the number of tokens; null while it has not. */
  readonly finish: 'stop' | 'length' | null;
}

/** What every generation of the service has in the table, under `generationKey`. */
export interface GenerationRecord {
  readonly id: string;
  readonly status: GenerationStatus;
  /** Of the API key that asked for it. */
  readonly keyId: string;
  /** ISO 8601, when it was admitted and when it ended. */
  readonly createdAt: string;
  readonly endedAt?: string;
  /** What the caller called the model. */
  readonly model: string;
  /** What was asked for, in the bucket. */
  readonly request: Stored;
  readonly seed: number;
  /** Prompts times texts a prompt. */
  readonly lanes: readonly RecordedLane[];
  readonly promptTokens: number;
  /** What its members cost so far. */
  readonly spent: Ledger['spent'];
  /** Of one that went on without members that it lost. */
  readonly degraded?: DegradedText;
  /** Whether events of its steps are kept. */
  readonly watched: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Set by whoever wants it no more. */
  readonly cancelRequested?: boolean;
  /** Of one that belongs to a connection: in milliseconds since 1970, until when its reader is known to be there. */
  readonly readerUntil?: number;
  /** Of one that failed: an error's name and what it said. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Seconds since 1970 at which the table forgets it. */
  readonly expires: number;
}

/** What followers of a generation are told, in order. */
export type GenerationEvent =
  | { readonly kind: 'steps'; readonly reports: readonly StepMessage[] }
  | ({ readonly kind: 'commit' } & Commit)
  | { readonly kind: 'end'; readonly status: Exclude<GenerationStatus, 'running'> };

/** A block that ended. */
export interface Commit {
  readonly block: number;
  readonly lanes: readonly CommittedLane[];
  /** How the generation stands by its end, where it lost members. */
  readonly degraded?: DegradedText | undefined;
}

export interface CommittedLane {
  readonly lane: number;
  /** What the block adds to the lane's text; a text's last characters may come with the next block. */
  readonly text: string;
  readonly tokens: number;
  readonly finish: RecordedLane['finish'];
}

/** Sort keys of what belongs to a generation. */
export const generationKey = (id: string) => `GEN#${id}`;
export const eventPrefix = (id: string) => `${generationKey(id)}#STEP#`;
const digits = 12;
export const lastSequence = 10 ** digits - 1;
export const eventKey = (id: string, sequence: number) => `${eventPrefix(id)}${String(sequence).padStart(digits, '0')}`;
export const sequenceOf = (key: string) => Number(key.slice(-digits));
