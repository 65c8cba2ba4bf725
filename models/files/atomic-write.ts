import { open, rename, rm } from 'node:fs/promises';

/** Writes a file so that a reader, or a crash at any moment, sees the old content or the new, never a part. */
export async function writeAtomically(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      for (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Error(`could not write ${path}: ${(cause as Error).message}`, { cause });
  }
}
