import { mkdtemp, readdir, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * A model's folder beside bases that were mounted elsewhere, as its config names them: links in a temporary folder, for
 * where a model comes without its base.
 */
export async function stagedModel(directory: string, bases: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-served-'));
  const model = join(folder, 'model');
  await symlink(resolve(directory), model);
  for (const entry of await readdir(bases, { withFileTypes: true })) {
    if (entry.isDirectory()) await symlink(resolve(bases, entry.name), join(folder, entry.name));
  }
  return model;
}
