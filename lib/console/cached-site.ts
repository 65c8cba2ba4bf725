import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { buildSite, consoleFolder, type Site } from './build-site.ts';

const root = join(import.meta.dirname, '..', '..');
/** Where what tools make is kept between runs, by custom. */
const cacheFolder = join(root, 'node_modules', '.cache', 'slingshot-console');

/** The console's files, from where they were kept if nothing that makes them has changed since. */
export async function cachedSite(folder = cacheFolder): Promise<Site> {
  const kept = join(folder, await digestOfSources());
  const found = await readSite(kept).catch(() => undefined);
  if (found) return found;
  const site = await buildSite();
  // An installation that may not be written to builds each time.
  await keep(site, folder, kept).catch(() => {});
  return site;
}

/** The folder with the console's files, which stays until what makes them changes. */
export async function siteFolder(folder = cacheFolder): Promise<string> {
  const kept = join(folder, await digestOfSources());
  if (!(await readSite(kept).catch(() => undefined))) await keep(await buildSite(), folder, kept);
  return kept;
}

/** Writes the console's files into a folder. */
export async function writeSite(site: Site, folder: string): Promise<void> {
  for (const [path, body] of site) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, body);
  }
}

async function keep(site: Site, folder: string, kept: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const made = await mkdtemp(join(folder, 'new-'));
  try {
    await writeSite(site, made);
    await rename(made, kept);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function readSite(folder: string): Promise<Site> {
  const files = await filesIn(folder);
  return new Map(
    await Promise.all(
      files.map(async (file) => [relative(folder, file).split(sep).join('/'), await readFile(file)] as const),
    ),
  );
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const files = [...(await filesIn(consoleFolder)), ...(await filesIn(import.meta.dirname))];
  for (const file of [...files, join(root, 'package-lock.json')]) {
    hash.update(relative(root, file)).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 32);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
