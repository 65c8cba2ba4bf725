import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../functions/contracts/catalog.ts';
import { InvalidRequest } from '../functions/shared/errors.ts';
import { checkTogether } from '../models/checkpoint/goes-with.ts';
import { modelFiles } from '../models/checkpoint/model-directory.ts';
import { loadServedConfig, modelVersion, type ServedFiles, servedFiles } from '../models/checkpoint/served-model.ts';
import { readTextSync } from '../models/files/read-text.ts';
import { type Endpoint, endpointName, type RoutingTable } from '../models/ssd2/routing.ts';
import { firstIssue } from '../models/zod-issue.ts';
import { type FleetFile, fleetSchema } from './fleet-file.ts';
import { checkName } from './model-name.ts';
import { sharedProcesses } from './processes.ts';

/** A model that is served. */
export interface FleetModel {
  readonly name: string;
  readonly directory: string;
  /** Whether it is a core's, which may share its endpoint with others, or a tenant's. */
  readonly role: 'core' | 'tenant';
  readonly endpoint: Endpoint;
  /** All that serving takes, and what a request's text alone needs. */
  readonly files: { readonly all: ServedFiles; readonly text: ServedFiles };
}

/** The models that are deployed together, all over one tokenizer, and who is asked when. */
export interface Fleet {
  /** The model whose tokenizer and block are everyone's. */
  readonly core: FleetModel;
  readonly models: readonly FleetModel[];
  /** What all of them share, and the positions that they all take. */
  readonly shape: { readonly block: number; readonly vocabulary: number; readonly positions: number };
  readonly catalog: Catalog;
}

/** The models shipped with Slingshot. */
export const shippedModels = join(import.meta.dirname, '..', 'models', 'weights');

/** Says in a folder of model directories who answers for which timesteps. */
const fleetFile = 'fleet.json';

/** What all models of cores share. */
const coreEndpoint: Endpoint = { endpoint: 'slingshot-core' };

/**
 * The fleet of a folder of model directories: as its fleet.json says, or, without one, `core` and every other directory
 * a tenant.
 *
 * @param routing what to go by in the place of a part of fleet.json
 * @throws Error when there is no core, fleet.json is wrong, a name cannot be an endpoint's, or models do not belong
 *   together
 */
export async function readFleet(
  directory: string = shippedModels,
  routing: { readonly [Part in keyof FleetFile]?: FleetFile[Part] | undefined } = {},
): Promise<Fleet> {
  const names = existsSync(directory)
    ? readdirSync(directory).filter((name) => existsSync(join(directory, name, modelFiles.config)))
    : [];
  if (!names.includes('core')) throw new Error(`no core model in ${directory}: expected ${join(directory, 'core')}`);
  const path = join(directory, fleetFile);
  const said = existsSync(path) ? readFleetFile(path) : conventional(names);
  const { cores = said.cores, tenants = said.tenants, shares = said.shares } = routing;
  checkModels({ cores, tenants }, names, directory);
  const unknown = Object.keys(shares).find((name) => !Object.hasOwn(cores, name));
  if (unknown !== undefined) {
    throw new Error(`${directory}: shares: there is no core ${unknown}; known cores: ${Object.keys(cores).join(', ')}`);
  }
  const namesIn = (tables: readonly { model: string }[][]) => [...new Set(tables.flat().map(({ model }) => model))];
  const coreNames = namesIn(Object.values(cores).map(({ routes }) => routes));
  const tenantNames = namesIn(Object.values(tenants));
  for (const name of [...Object.keys(cores), ...Object.keys(tenants), ...coreNames, ...tenantNames]) {
    try {
      checkName(name);
    } catch (error) {
      throw new Error(`${directory}: ${(error as Error).message}; rename it, or leave it out of ${fleetFile}`);
    }
  }
  const both = tenantNames.find((name) => coreNames.includes(name));
  if (both) throw new Error(`${path}: model ${both} is a core's and a tenant's; a model has one role`);
  const model = (name: string, role: FleetModel['role'], endpoint: Endpoint) =>
    fleetModel(name, join(directory, name), role, endpoint);
  const coreEndpoints = await endpointsOfCores(
    Object.values(cores).map(({ routes }) => namesIn([routes])),
    directory,
  );
  const models = await Promise.all([
    ...coreNames.map((name) => model(name, 'core', coreEndpoints.get(name) ?? coreEndpoint)),
    ...tenantNames.map((name) => model(name, 'tenant', { endpoint: `slingshot-tenant-${name}` })),
  ]);
  const endpointOf = new Map(models.map(({ name, endpoint }) => [name, endpoint]));
  const placed = (routes: readonly { from: number; to: number; model: string }[]) =>
    routes.map(({ from, to, model }) => ({ from, to, endpoint: endpointOf.get(model) as Endpoint }));
  const core = await model('core', 'core', endpointOf.get('core') ?? coreEndpoint);
  const { block, vocabulary, positions } = await checkTogether(
    core,
    models.filter(({ name }) => name !== 'core'),
  );
  return {
    core,
    models,
    shape: { block, vocabulary, positions },
    catalog: {
      cores: mapValues(cores, ({ routes, template }) => ({ routes: placed(routes), template })),
      tenants: mapValues(tenants, placed),
      shares,
    },
  };
}

/** Where each core's models answer: an inference component each, or one for those that share a process. @throws ModelError */
async function endpointsOfCores(
  tables: readonly (readonly string[])[],
  directory: string,
): Promise<ReadonlyMap<string, Endpoint>> {
  const bases = new Map<string, string>();
  for (const name of new Set(tables.flat())) {
    const { kind, tokenizerDirectory } = await loadServedConfig(join(directory, name));
    bases.set(name, kind === 'adapter' ? tokenizerDirectory : join(directory, name));
  }
  const groups = sharedProcesses(tables, (name) => bases.get(name) as string);
  return new Map(
    groups.flatMap((group) =>
      group.map((name) => [
        name,
        {
          ...coreEndpoint,
          ...(groups.length > 1 ? { component: group[0] } : {}),
          ...(group.length > 1 ? { adapter: name } : {}),
        },
      ]),
    ),
  );
}

/** @throws ModelError */
export async function fleetModel(
  name: string,
  directory: string,
  role: FleetModel['role'],
  endpoint: Endpoint,
): Promise<FleetModel> {
  const files = { all: await servedFiles(directory, 'all'), text: await servedFiles(directory, 'text') };
  return { name, directory, role, endpoint, files };
}

function conventional(names: readonly string[]): FleetFile {
  const tenants = names.filter((name) => name !== 'core').map((name) => [name, name]);
  return fleetSchema.parse({ cores: { core: 'core' }, tenants: Object.fromEntries(tenants) });
}

function readFleetFile(path: string): FleetFile {
  let json: unknown;
  try {
    json = JSON.parse(readTextSync(path), (key, value) => {
      // The schema would pass over a key of this name in silence.
      if (key === '__proto__') checkName(key);
      return value;
    });
  } catch (cause) {
    const what = cause instanceof SyntaxError ? ' is not JSON' : '';
    throw new Error(`${path}${what}: ${(cause as Error).message}`, { cause });
  }
  const result = fleetSchema.safeParse(json);
  if (!result.success) throw new Error(`${path}: ${firstIssue(result.error, 'the file')}`);
  return result.data;
}

/** @throws Error naming a model that a table routes to and that is not there */
function checkModels({ cores, tenants }: Omit<FleetFile, 'shares'>, names: readonly string[], directory: string): void {
  const tables = { ...mapValues(cores, ({ routes }) => routes), ...tenants };
  for (const [name, routes] of Object.entries(tables)) {
    const unknown = routes.find(({ model }) => !names.includes(model));
    if (unknown) throw new Error(`${directory}: ${name}: there is no model ${unknown.model} in it`);
  }
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, to: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));
}

/** The fleet with one more tenant, whose model lies elsewhere. */
export async function withTenant(fleet: Fleet, name: string, directory: string): Promise<Fleet> {
  checkName(name);
  if (Object.hasOwn(fleet.catalog.tenants, name)) throw new Error(`there is a tenant ${name} already`);
  const endpoint: Endpoint = { endpoint: `slingshot-tenant-${name}` };
  const added = await fleetModel(name, directory, 'tenant', endpoint);
  await checkTogether(fleet.core, [added]);
  const { catalog } = fleet;
  const tenants = { ...catalog.tenants, [name]: [{ from: 0, to: 1, endpoint }] };
  return { ...fleet, models: [...fleet.models, added], catalog: { ...catalog, tenants } };
}

/**
 * The fleet with the models alone that a request can use.
 *
 * @throws InvalidRequest naming those that there are: whoever holds the fleet may know
 */
export function fleetFor(
  fleet: Fleet,
  { core = 'core', tenant }: { core?: string | undefined; tenant?: string | undefined },
): Fleet {
  const { cores, tenants } = fleet.catalog;
  const tables: RoutingTable[] = [named('core', core, cores).routes];
  if (tenant !== undefined) tables.push(named('tenant', tenant, tenants));
  const used = new Set(tables.flat().map(({ endpoint }) => endpointName(endpoint)));
  return { ...fleet, models: fleet.models.filter(({ endpoint }) => used.has(endpointName(endpoint))) };
}

function named<T>(role: string, name: string, all: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(all, name)) return all[name];
  const known = Object.keys(all).sort().join(', ') || 'none';
  throw new InvalidRequest(`${role}: there is no ${JSON.stringify(name)}; known ${role}s: ${known}`);
}

/** The fleet with its models somewhere else. */
export function withEndpoints(fleet: Fleet, place: (model: FleetModel) => Endpoint): Fleet {
  const models = fleet.models.map((model) => ({ ...model, endpoint: place(model) }));
  const placed = new Map(fleet.models.map(({ endpoint }, i) => [endpointName(endpoint), models[i].endpoint]));
  const move = (routes: RoutingTable) =>
    routes.map((route) => ({ ...route, endpoint: placed.get(endpointName(route.endpoint)) ?? route.endpoint }));
  const { cores, tenants } = fleet.catalog;
  return {
    ...fleet,
    models,
    catalog: {
      ...fleet.catalog,
      cores: mapValues(cores, ({ routes, template }) => ({ routes: move(routes), template })),
      tenants: mapValues(tenants, move),
    },
  };
}

/** The fleet with each model pinned by its digest: an endpoint that serves another is not believed. */
export async function pinVersions(fleet: Fleet): Promise<Fleet> {
  const versions = new Map<FleetModel, string>();
  // One after the other: a thousand models open together are more than a process may have open.
  for (const model of fleet.models) versions.set(model, await modelVersion(model.directory));
  return withEndpoints(fleet, (model) => ({ ...model.endpoint, version: versions.get(model) as string }));
}
