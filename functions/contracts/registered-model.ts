import * as z from 'zod';
import type { Endpoint } from '../../models/ssd2/routing.ts';

/** What a registered model may be; one that is retired or failed is served no more. */
export const modelStatuses = ['validating', 'deploying', 'ready', 'failed', 'retired'] as const;
export type ModelStatus = (typeof modelStatuses)[number];

export const modelRecordIdSchema = z.string().regex(/^mdl-[0-9a-f]{16}$/, 'is no id of a model');

/** A version of a tenant's own model, in the tenant's partition of the table. */
export interface ModelRecord {
  readonly id: string;
  readonly status: ModelStatus;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The archive that was sent, in the bucket. */
  readonly upload: string;
  /** What of the tenant's generations it is to serve once it is ready. */
  readonly share: number;
  /** Known once it is validated. */
  readonly kind?: string;
  readonly bytes?: number;
  readonly endpoint?: Endpoint;
  /** Of one that failed. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** One version's part of what is asked of a tenant's model. */
export interface Share {
  readonly id: string;
  readonly share: number;
  readonly endpoint: Endpoint;
}

/** Which versions serve a tenant: shares add up to 1. */
export interface Serving {
  readonly shares: readonly Share[];
  /** What was served before the last change. */
  readonly before: readonly Share[];
  /** When the last change was made, ISO 8601: generations that began before may use what was served then. */
  readonly changedAt: string;
}

export const modelKey = (id: string) => `MODEL#${id}`;
export const modelPrefix = 'MODEL#';
export const servingKey = 'SERVING';

/** The input of an execution that deploys or retires a registered model. */
export const deployInputSchema = z
  .strictObject({
    tenant: z.string().min(1),
    id: modelRecordIdSchema,
    act: z.enum(['deploy', 'retire']),
    /** The inference component, and the SageMaker model behind it. */
    component: z.string().min(1),
    endpoint: z.string().min(1),
  })
  .readonly();
export type DeployInput = z.output<typeof deployInputSchema>;
