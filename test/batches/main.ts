import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { proveHostile } from './hostile.ts';
import { proveKilled } from './killed.ts';
import { proveLarge } from './large.ts';

/**
 * What docs/batches.md says of batches, tried: `npm run batches`, or some of it, `npm run batches -- large hostile`.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '10000' },
    files: { type: 'string', default: '200' },
    gigabytes: { type: 'string', default: '1' },
  },
});

const proofs: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  large: () => proveLarge(Number(values.gigabytes)),
  hostile: () => proveHostile(Number(values.files)),
  killed: (folder) => proveKilled(folder, Number(values.rows)),
};

const folder = await mkdtemp(join(tmpdir(), 'slingshot-batches-'));
try {
  for (const name of positionals.length > 0 ? positionals : Object.keys(proofs)) {
    if (!(name in proofs)) throw new Error(`there is no proof ${name}: ${Object.keys(proofs).join(', ')}`);
    await proofs[name](folder);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
