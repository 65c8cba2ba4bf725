import * as z from 'zod';
import { type Scope, scopes } from './caller.ts';
import type { Degradation } from './request.ts';

/** Safe in a key of the table, a prefix of the bucket and a session's tag, and the same in each. */
export const tenantNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'has lower-case letters, digits and hyphens between them, 63 at most');

export const scopesSchema = z.array(z.enum(scopes)).min(1).readonly();

/** A company that uses the service. */
export interface TenantRecord {
  readonly name: string;
  readonly tier: string;
  /** Of one that is disabled or about to be deleted, no key works. */
  readonly status: 'active' | 'disabled' | 'deleting';
  /** What its generations do whose request does not say; they fail when absent. */
  readonly degradation?: Degradation;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Ids of its keys; a set in the table, and absent when empty. */
  readonly keys?: ReadonlySet<string>;
}

/** An API key, as the table has it: enough to know the key when it is shown, and too little to make it. */
export interface KeyRecord {
  readonly id: string;
  readonly tenant: string;
  /** SHA-256 of the secret, in hexadecimal. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly disabled: boolean;
  readonly createdAt: string;
  /** What it is for, in the operator's words. */
  readonly label?: string;
  /** Seconds since 1970, from when on it is no key; it stays in the table. */
  readonly validUntil?: number;
}

/** Partitions of the service itself, and the sort keys in them. */
export const tenantsPartition = 'TENANTS';
export const keyPartition = (id: string) => `KEY#${id}`;
export const keyItem = 'KEY';
