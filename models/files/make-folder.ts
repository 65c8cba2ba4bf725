import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it that are missing. Node's recursive mkdir never returns where a file system answers
 * ENOENT to whoever makes a folder, as procfs does.
 *
 * @throws Error naming the folder
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  let at = resolve(path);
  for (; !(await exists(at)); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      await mkdir(folder);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new Error(`could not make the folder ${path}: ${(cause as Error).message}`, { cause });
    }
  }
  if (!(await stat(path)).isDirectory())
    throw new Error(`could not make the folder ${path}: there is a file of that name`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
