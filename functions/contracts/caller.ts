import type { APIGatewayProxyEvent } from 'aws-lambda';
import * as z from 'zod';
import { degradations } from './request.ts';

/** What a key may be used for: all but `operate`, which is for operators, concern the key's own tenant alone. */
export const scopes = ['generate', 'batch', 'read', 'admin', 'operate'] as const;
export type Scope = (typeof scopes)[number];

/** Whose request it is, as the authoriser found by the key. */
export const callerSchema = z
  .strictObject({
    tenant: z.string().min(1),
    keyId: z.string().min(1),
    scopes: z.array(z.enum(scopes)).readonly(),
    tier: z.string().min(1),
    /** What the tenant is set to, where a request does not say. */
    degradation: z.enum(degradations).optional(),
  })
  .readonly();
export type Caller = z.infer<typeof callerSchema>;

/** A caller as the authoriser hands it on: API Gateway lets text pass, no lists. */
export type AuthorizerContext = Readonly<Record<'tenant' | 'keyId' | 'scopes' | 'tier', string>> & {
  readonly degradation?: string;
};

export function authorizerContext({ scopes, degradation, ...caller }: Caller): AuthorizerContext {
  return { ...caller, scopes: scopes.join(' '), ...(degradation === undefined ? {} : { degradation }) };
}

/**
 * The caller of a request, from what the authoriser said and from nothing that the request itself says.
 *
 * @throws ZodError when no authoriser was asked
 */
export function callerOf({ requestContext }: Pick<APIGatewayProxyEvent, 'requestContext'>): Caller {
  const { tenant, keyId, scopes, tier, degradation } = requestContext.authorizer ?? {};
  const own = degradation === undefined ? {} : { degradation };
  return callerSchema.parse({ tenant, keyId, tier, scopes: String(scopes).split(' ').filter(Boolean), ...own });
}
