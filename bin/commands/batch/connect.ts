import { BatchClient } from '../../../lib/batch-client.ts';
import { readFleet } from '../../../lib/fleet.ts';

/** Where batches run: on this machine, or at a service. */
export interface Place {
  readonly state: string;
  readonly tenant: string;
  readonly models?: string;
  readonly threads: number;
  readonly remote?: string;
  readonly key?: string;
}

export interface Connection {
  readonly client: BatchClient;
  close(): Promise<void>;
}

/** A key of a command is thrown away with it, at the latest. */
const keySeconds = 14 * 86_400;
const tier = 'large';

/** @throws Error where there is no key for a service, or another process has the state folder */
export async function connect(place: Place): Promise<Connection> {
  if (place.remote !== undefined) {
    const key = place.key ?? process.env.SLINGSHOT_KEY;
    if (!key) throw new Error('--remote: needs a key with the scope batch, by --key or SLINGSHOT_KEY');
    return { client: new BatchClient({ url: place.remote, key }), close: async () => {} };
  }
  return startHere(place);
}

/** The service on this machine, for as long as the command runs; what it left undone before goes on. */
async function startHere({ state, tenant, models, threads }: Place): Promise<Connection> {
  const { startServiceHere } = await import('../../../lib/local/service-here.ts');
  const { addTenant, listTenants } = await import('../../../lib/administration/tenants.ts');
  const { addKey, disableKey } = await import('../../../functions/shared/keys/key-store.ts');
  const service = await startServiceHere(await readFleet(models), {
    state: { folder: state },
    threads,
    actor: 'batch',
  });
  try {
    const { administration, url } = service;
    const known = await listTenants(administration);
    if (!known.some(({ name }) => name === tenant)) await addTenant(administration, tenant, tier);
    const validUntil = Math.floor(Date.now() / 1000) + keySeconds;
    const { id, key } = await addKey(administration, tenant, {
      scopes: ['batch'],
      label: 'slingshot batch',
      validUntil,
    });
    const close = async () => {
      await disableKey(administration, id, true).catch(() => {});
      await service.stop();
    };
    return { client: new BatchClient({ url, key }), close };
  } catch (error) {
    await service.stop();
    throw error;
  }
}
