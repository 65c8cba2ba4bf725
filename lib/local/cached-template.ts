import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../models/files/atomic-write.ts';
import { makeFolder } from '../../models/files/make-folder.ts';
import type { Fleet } from '../fleet.ts';
import type { Template, TemplateOptions } from './template.ts';

const root = join(import.meta.dirname, '..', '..');
/** What decides a template beside the fleet and the options. */
const makers = ['lib', 'functions', 'models/ssd2', 'models/checkpoint', 'package-lock.json'];

/**
 * The template of a fleet, from the folder where it was kept if nothing that makes it has changed since: synthesis takes
 * seconds.
 *
 * @param outdir a folder for what the CDK writes
 */
export async function cachedTemplate(
  fleet: Fleet,
  options: TemplateOptions,
  folder: string,
  outdir: string,
): Promise<Template> {
  const path = join(folder, `${await digestOf(fleet, options)}.json`);
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept);
  const { synthesise } = await import('./synthesise.ts');
  const template = synthesise(fleet, options, outdir);
  // Those of before are of no use any more.
  await rm(folder, { recursive: true, force: true });
  await makeFolder(folder);
  await writeAtomically(path, JSON.stringify(template));
  return template;
}

async function digestOf({ catalog, models, shape }: Fleet, options: TemplateOptions): Promise<string> {
  const { kept, endpointTimeoutMilliseconds, tiers, heartbeatSeconds } = options;
  const hash = createHash('sha256');
  const served = models.map(({ name, role, endpoint }) => ({ name, role, endpoint }));
  const settings = { kept, endpointTimeoutMilliseconds, tiers, heartbeatSeconds };
  hash.update(JSON.stringify({ catalog, served, shape, ...settings }));
  for (const maker of makers) {
    for (const file of await filesOf(join(root, maker))) hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex');
}

async function filesOf(path: string): Promise<string[]> {
  if (!path.endsWith('.json')) {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }
  return [path];
}
