import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Catalog } from '../functions/contracts/catalog.ts';
import { modelFiles } from '../models/checkpoint/model-directory.ts';

/** A model that an endpoint serves. */
export interface FleetModel {
  /** "core", or the tenant's name. */
  readonly name: string;
  readonly directory: string;
  readonly endpoint: string;
}

/** The models that are deployed together: the core, and the tenants that share its tokenizer. */
export interface Fleet {
  readonly core: FleetModel;
  readonly tenants: readonly FleetModel[];
}

/** The models shipped with Slingshot. */
export const shippedModels = join(import.meta.dirname, '..', 'models', 'weights');

/**
 * The fleet of a directory that holds a model directory each for `core` and every tenant.
 *
 * @throws Error when there is no core
 */
export function readFleet(directory: string = shippedModels): Fleet {
  const names = existsSync(directory)
    ? readdirSync(directory).filter((name) => existsSync(join(directory, name, modelFiles.config)))
    : [];
  if (!names.includes('core')) throw new Error(`no core model in ${directory}: expected ${join(directory, 'core')}`);
  const model = (name: string): FleetModel => ({
    name,
    directory: join(directory, name),
    endpoint: name === 'core' ? 'slingshot-core' : `slingshot-tenant-${name}`,
  });
  return { core: model('core'), tenants: names.filter((name) => name !== 'core').map((name) => model(basename(name))) };
}

export function fleetModels({ core, tenants }: Fleet): FleetModel[] {
  return [core, ...tenants];
}

/** Which endpoint answers for whom: each model for all of (0, 1], until there are specialists. */
export function fleetCatalog({ core, tenants }: Fleet): Catalog {
  const everywhere = ({ endpoint }: FleetModel) => [{ from: 0, to: 1, endpoint }];
  return {
    core: everywhere(core),
    tenants: Object.fromEntries(tenants.map((tenant) => [tenant.name, everywhere(tenant)])),
  };
}
