import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkName } from '../../lib/model-name.ts';
import { print } from '../terminal/output.ts';
import { runNgram } from './ngram.ts';

/** Models that a tenant's own begins with. */
export const tenantBases = ['david'] as const;

export interface TrainTenantOptions {
  readonly tenant: string;
  readonly data?: string;
  readonly validation?: string;
  readonly core: string;
  readonly out?: string;
}

/** One in ten documents says what the model gains, of those that a prompt and its continuation fit into. */
const heldOut = { every: 10, characters: 1000 };

/**
 * Makes a tenant's own David of its documents, beside which the core's base reads, says what it gains on documents that were
 * held out, and how it is served.
 */
export async function trainTenant(options: TrainTenantOptions): Promise<void> {
  const { tenant, data, core, validation } = options;
  checkName(tenant);
  if (data === undefined) throw new Error('train --tenant: of which documents? Name them, --data FILE');
  const out = options.out ?? join('runs', tenant);
  const common = { core, out, order: 5, maxMegabytes: 4, reader: true };
  if (validation === undefined) await onPart(data, common);
  else await runNgram({ ...common, data, heldOut: validation });
  print(`to serve it: slingshot models add ${tenant} --folder ${out}`);
}

async function onPart(data: string, common: Omit<Parameters<typeof runNgram>[0], 'data' | 'heldOut'>): Promise<void> {
  const { dataFiles } = await import('../../models/data/rows.ts');
  const { holdOut } = await import('../../models/data/hold-out.ts');
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-held-out-'));
  try {
    const parts = await holdOut(await dataFiles(data), folder, heldOut);
    if (parts.documents > 0) await runNgram({ ...common, data: parts.rest, heldOut: parts.heldOut });
    else {
      await runNgram({ ...common, data });
      print(
        `its gain was not measured: of ${heldOut.every} documents of ${heldOut.characters} characters one is held out, and there are fewer; --validation FILE names other text`,
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
