import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeError } from './write-error.ts';

/** Writes a file so that a reader, or a crash at any moment, sees the old content or the new, never a part. */
export async function writeAtomically(path: string, content: string | readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      for (const chunk of typeof content === 'string' ? [content] : content) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw writeError(path, cause);
  }
}

/** Removes what processes that were killed in the middle of an atomic write left in a folder; nobody may be writing there. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/\.\d+\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
  }
}
