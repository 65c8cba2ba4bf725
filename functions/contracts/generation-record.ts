/** What a generation may be; the last three are for good. */
export const generationStatuses = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type GenerationStatus = (typeof generationStatuses)[number];

/** What every generation of the service has in the table, under `generationKey`; routes add to it what they need. */
export interface GenerationRecord {
  readonly id: string;
  readonly status: GenerationStatus;
  /** Of the API key that asked for it. */
  readonly keyId: string;
  /** ISO 8601, when it was admitted. */
  readonly createdAt: string;
  /** What the caller called the model. */
  readonly model: string;
  /** Of one that failed. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Seconds since 1970 at which the table forgets it. */
  readonly expires: number;
}

/** Sort keys of what belongs to a generation. */
export const generationKey = (id: string) => `GEN#${id}`;
export const stepKey = (id: string, step: number) => `GEN#${id}#STEP#${String(step).padStart(6, '0')}`;
