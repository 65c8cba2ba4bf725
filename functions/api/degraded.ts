import type { ApiDegraded } from '../contracts/api/fields.ts';
import type { DegradedText } from '../contracts/generation.ts';
import { failureCode } from './api-errors.ts';
import type { Headers } from './http.ts';

/** How a generation went on without members, as callers are told it. */
export function degradedOf({ without, block, tokens, error }: DegradedText): ApiDegraded {
  return { without: [...without], tenantBlocks: block, tokens, error: failureCode(error) };
}

/** The same as a member of an answer; nothing for a generation that was whole. */
export function toldDegraded({ degraded }: { readonly degraded?: DegradedText | undefined }) {
  return degraded ? { degraded: degradedOf(degraded) } : {};
}

/** In a header: a list of RFC 8941, whose items are the members. */
export function degradedHeaders({ degraded }: { readonly degraded?: DegradedText | undefined }): Headers {
  if (!degraded) return {};
  const { without, tenantBlocks, tokens, error } = degradedOf(degraded);
  const parameters = `tenant-blocks=${tenantBlocks};tokens=${tokens};error=${error}`;
  return { 'slingshot-degraded': without.map((member) => `"${member}";${parameters}`).join(', ') };
}
