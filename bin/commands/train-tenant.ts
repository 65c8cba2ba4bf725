import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkName } from '../../lib/model-name.ts';
import { print } from '../terminal/output.ts';
import { runNgram } from './ngram.ts';
import { runOnTerminal } from './run-recipe.ts';

/** What reads beside a tenant's n-grams: the core's base as it is, or with a correction trained on the tenant's documents. */
export const tenantBases = ['david', 'tuned'] as const;

export interface TrainTenantOptions {
  readonly tenant: string;
  readonly base: (typeof tenantBases)[number];
  readonly data?: string;
  readonly validation?: string;
  readonly core: string;
  readonly out?: string;
  readonly steps?: number;
  readonly threads?: number;
}

/** One in ten documents says what the model gains, of those that a prompt and its continuation fit into. */
const heldOut = { every: 10, characters: 1000 };
/** Of those; with fewer a training is validated on its own text. */
const fewestToValidate = 10;

/**
 * Makes a tenant's own David of its documents, beside which the core's base reads, says what it gains on documents that were
 * held out, and how it is served.
 */
export async function trainTenant(options: TrainTenantOptions): Promise<void> {
  const { tenant, data, validation } = options;
  checkName(tenant);
  if (data === undefined) throw new Error('train --tenant: of which documents? Name them, --data FILE');
  const out = options.out ?? join('runs', tenant);
  const made = await (validation === undefined
    ? onPart({ ...options, out, data })
    : makeModel({ ...options, out, data, heldOut: validation, validation }));
  if (made) print(`to serve it: slingshot models add ${tenant} --folder ${out}`);
}

type Parts = TrainTenantOptions & { readonly out: string; readonly data: string; readonly heldOut?: string };

async function onPart(options: Parts): Promise<boolean> {
  const { dataFiles } = await import('../../models/data/rows.ts');
  const { holdOut } = await import('../../models/data/hold-out.ts');
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-held-out-'));
  try {
    const parts = await holdOut(await dataFiles(options.data), folder, heldOut);
    if (parts.documents > 0) {
      const validation = parts.documents < fewestToValidate ? parts.rest : parts.heldOut;
      return await makeModel({ ...options, data: parts.rest, heldOut: parts.heldOut, validation });
    }
    const made = await makeModel(options);
    print(
      `its gain was not measured: of ${heldOut.every} documents of ${heldOut.characters} characters one is held out, and there are fewer; --validation FILE names other text`,
    );
    return made;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @returns false when a signal stopped its training */
async function makeModel(options: Parts): Promise<boolean> {
  const { base, core, data, heldOut, out } = options;
  const tuned = base === 'tuned' ? join(out, 'training') : undefined;
  if (tuned !== undefined && !(await tuneBase(options, tuned))) return false;
  await runNgram({
    ...{ core, data, out, order: 5, maxMegabytes: 4, reader: true },
    ...(tuned === undefined ? {} : { tuned }),
    ...(heldOut === undefined ? {} : { heldOut }),
  });
  return true;
}

/** Trains a correction of all layers of the core's base, by the recipe of a David, into a folder of its own. */
async function tuneBase({ core, data, validation = data, steps, threads }: Parts, out: string): Promise<boolean> {
  const { tenantRecipe } = await import('../../models/training/tenant-recipe.ts');
  const recipe = await tenantRecipe(core, { train: data, validation }, steps);
  return runOnTerminal(recipe, out, { corpora: '.', ...(threads === undefined ? {} : { threads }) });
}
