import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { proveHostile } from './hostile.ts';
import { proveKilled } from './killed.ts';
import { proveLarge } from './large.ts';
import { proveMemory } from './memory.ts';

const help = `npm run batches -- [PROOF ...] [--rows N] [--files N] [--gigabytes N]

Tries what docs/batches.md says of batches; all of it, or some:

  large    a file of N gigabytes (1) is read to its end in bounded memory
  hostile  N files (200) of kinds that no batch is made of: each gives rows with reasons, or a refusal
  memory   1,000, 3,000 and 10,000 rows to a tiny model, each to its end, in no more memory
  killed   N rows (10,000) to a tiny model, and the same with kill -9, a model killed, and resumed: byte for byte alike`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '10000' },
    files: { type: 'string', default: '200' },
    gigabytes: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

const proofs: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  large: () => proveLarge(Number(values.gigabytes)),
  hostile: () => proveHostile(Number(values.files)),
  memory: proveMemory,
  killed: (folder) => proveKilled(folder, Number(values.rows)),
};

async function main(): Promise<void> {
  if (values.help) return console.log(help);
  const names = positionals.length > 0 ? positionals : Object.keys(proofs);
  const unknown = names.find((name) => !(name in proofs));
  if (unknown) throw new Error(`there is no proof ${unknown}: ${Object.keys(proofs).join(', ')}`);
  for (const name of names) {
    const folder = await mkdtemp(join(tmpdir(), 'slingshot-batches-'));
    try {
      await proofs[name](folder);
      console.log(`${name}: holds`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

await main();
