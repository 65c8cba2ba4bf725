import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = join(import.meta.dirname, '..', '..', 'support', 'fill-disk.ts');
/** A disk of 8 MiB, in a namespace of its own, for what is run there. */
const withDisk = (script: string) => ['-rm', 'sh', '-c', `mount -t tmpfs -o size=8m none "$0" && ${script}`];
const canMount = spawnSync('unshare', withDisk('true').concat(tmpdir()), { stdio: 'ignore' }).status === 0;
if (!canMount) console.log('no disk can be filled here: unshare -rm mount does not work');

it.skipIf(!canMount)(
  'a full disk is an error of table and bucket; there is room again, and nothing that was kept is lost',
  async () => {
    const disk = await mkdtemp(join(tmpdir(), 'slingshot-disk-'));
    const told = `${disk}.json`;
    try {
      // The first process kills itself.
      const script = `"$1" "$2" "$0" write >"$3"; "$1" "$2" "$0" check "$(cat "$3")"`;
      const args = [...withDisk(script), disk, process.execPath, program, told];
      const { stdout } = await promisify(execFile)('unshare', args);
      const { kept, full, last, refused } = JSON.parse(await readFile(told, 'utf8'));
      expect(refused).toEqual({ items: ['InternalServerError'], objects: ['InternalError'] });
      const afterwards = Array.from({ length: last - full }, (_, i) => full + i);
      for (const numbers of [kept.items, kept.objects]) {
        expect(numbers.length).toBeLessThan(last);
        expect(numbers.slice(-afterwards.length)).toEqual(afterwards);
      }
      expect(JSON.parse(stdout)).toEqual({ lost: [] });
    } finally {
      await rm(disk, { recursive: true });
      await rm(told, { force: true });
    }
  },
  60_000,
);
