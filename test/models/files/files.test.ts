import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeLeftovers, writeAtomically } from '../../../models/files/atomic-write.ts';
import { withFolderLock } from '../../../models/files/folder-lock.ts';
import { makeFolder } from '../../../models/files/make-folder.ts';

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'slingshot-files-'));
});
afterAll(() => rm(work, { recursive: true }));

const folder = async (name: string) => {
  await mkdir(join(work, name));
  return join(work, name);
};

describe('an atomic write', () => {
  it('that fails leaves the old file, and nothing else', async () => {
    const path = join(await folder('atomic'), 'file');
    await writeFile(path, 'old');
    const chunks = [Buffer.from('new'), 42 as unknown as Uint8Array];
    await expect(writeAtomically(path, chunks)).rejects.toThrow(`could not write ${path}`);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(work, 'atomic'))).toEqual(['file']);
  });

  it('that was killed is cleared away later, and nothing else is', async () => {
    const path = await folder('killed');
    for (const name of ['model.safetensors', 'model.safetensors.4711.tmp', 'notes.tmp']) {
      await writeFile(join(path, name), 'x');
    }
    await removeLeftovers(path);
    expect(await readdir(path)).toEqual(['model.safetensors', 'notes.tmp']);
  });
});

describe('making a folder', () => {
  it('makes those above it, and takes one that is there', async () => {
    const path = join(work, 'a', 'b', 'c');
    await makeFolder(path);
    await makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  it.runIf(existsSync('/proc/self'))('ends where a file system has no room for any', async () => {
    await expect(makeFolder('/proc/slingshot/run')).rejects.toThrow('could not make the folder /proc/slingshot/run');
  });

  it('refuses a file of that name', async () => {
    await writeFile(join(work, 'file'), '');
    await expect(makeFolder(join(work, 'file'))).rejects.toThrow('there is a file of that name');
  });
});

describe('a lock on a folder', () => {
  it('keeps others out until its holder is done, however the work ends', async () => {
    const path = await folder('locked');
    await withFolderLock(path, async () => {
      await expect(withFolderLock(path, async () => {})).rejects.toThrow(
        `${path} is in use by process ${process.pid}: wait for it, or choose another folder`,
      );
    });
    await expect(withFolderLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await withFolderLock(path, async () => 'free')).toBe('free');
    expect(await readdir(path)).toEqual([]);
  });

  it('lets one of many in', async () => {
    const path = await folder('contended');
    let inside = 0;
    let most = 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        withFolderLock(path, async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inside--;
        }),
      ),
    );
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    expect(refusals.length).toBeLessThan(8);
    for (const refusal of refusals) expect(refusal).toContain('is in use by process');
    expect(most).toBe(1);
  });

  it('of a process that was killed is taken over, of one that lives is not', async () => {
    const path = await folder('stale');
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const started = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(' ')[21];
    const lock = (holder: object) => writeFile(join(path, 'lock'), JSON.stringify(holder));
    const enter = () => withFolderLock(path, async () => 'in');
    await lock({ pid: child.pid, host: hostname(), started });
    await expect(enter()).rejects.toThrow(`in use by process ${child.pid}`);
    // Another process of that number, since the machine was started again.
    await lock({ pid: child.pid, host: hostname(), started: '1' });
    expect(await enter()).toBe('in');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await lock({ pid: child.pid, host: hostname(), started });
    expect(await enter()).toBe('in');
    await writeFile(join(path, 'lock'), '{"half');
    expect(await enter()).toBe('in');
  });

  it('of another machine holds as long as it is touched', async () => {
    const path = await folder('elsewhere');
    const lock = join(path, 'lock');
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere.example', started: '5' }));
    await expect(withFolderLock(path, async () => {})).rejects.toThrow('in use by process 1 on elsewhere.example');
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(lock, longAgo, longAgo);
    expect(await withFolderLock(path, async () => 'in')).toBe('in');
  });
});
