import { createHash, randomBytes } from 'node:crypto';
import type { DeployInput, ModelRecord } from '../../contracts/registered-model.ts';

export interface NewModel {
  readonly record: ModelRecord;
  /** Of the execution that deploys it, whose name is the model's id. */
  readonly input: DeployInput & { readonly error: null };
}

/**
 * A model that was just sent.
 *
 * @param place what names of components begin with, and the endpoints that tenants' models are placed on
 */
export function newModel(
  tenant: string,
  { upload, share }: Pick<ModelRecord, 'upload' | 'share'>,
  place: { readonly prefix: string; readonly endpoints: readonly string[] },
): NewModel {
  const id = `mdl-${randomBytes(8).toString('hex')}`;
  return {
    record: { ...{ id, status: 'validating', createdAt: new Date().toISOString(), upload, share } },
    input: {
      ...{ tenant, id, act: 'deploy', component: `${place.prefix}-${id}`, error: null },
      endpoint: endpointOf(tenant, place.endpoints),
    },
  };
}

/** All versions of a tenant's model are on one endpoint, chosen by a digest of its name. */
export function endpointOf(tenant: string, endpoints: readonly string[]): string {
  return endpoints[createHash('sha256').update(tenant).digest().readUInt32BE() % endpoints.length];
}
