import { mkdir, open, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { create, extract, list } from 'tar';
import { baseFiles } from './base.ts';
import { checkTogether } from './goes-with.ts';
import { ModelError, modelFiles } from './model-directory.ts';
import { decodeHeader, headerBytes } from './safetensors.ts';
import { loadServedConfig, modelVersion, type ServedConfig } from './served-model.ts';

/** Files that a model's archive may have. */
const known = new Set<string>([...Object.values(modelFiles), 'model.ngram', ...Object.values(baseFiles)]);
const documents = /^(README|LICENSE|NOTICE)(\.[a-z]+)?$/;
const mostFiles = 32;

/** A model's folder that was made of an archive, and what is known of it. */
export interface OpenedModel {
  readonly directory: string;
  readonly config: ServedConfig;
  readonly version: string;
  readonly bytes: number;
}

/** Packs a model's own files, without its base. */
export async function packModel(directory: string, path: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && isTaken(entry.name)).map(({ name }) => name);
  await create({ cwd: directory, file: path, gzip: { level: 1 }, portable: true, mtime: new Date(0) }, files.sort());
}

/**
 * Unpacks an archive, plain or gzip, of a model's own files, into an empty folder beside its base, and checks that they
 * are a model that goes with the core.
 *
 * @param limit bytes that the unpacked files have at most
 * @throws ModelError, or another Error of a model's folder, saying what is wrong
 */
export async function openModel(
  archive: string,
  folder: string,
  core: { readonly name: string; readonly directory: string },
  limit: number,
): Promise<OpenedModel> {
  await refuseForeignEntries(archive, limit);
  const directory = join(folder, 'model');
  await mkdir(directory);
  await extract({ file: archive, cwd: directory, strict: true });
  await linkBase(core.directory, folder);
  await lookBeside(directory, core.directory);
  const config = await checkModel({ name: 'sent', directory }, core);
  const sizes = await Promise.all(config.weightsFiles.map(async (file) => (await stat(join(directory, file))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { directory, config, version: await modelVersion(directory), bytes };
}

/**
 * What can be told of a model's folder without running it: format, tokenizer, vocabulary, block and base.
 *
 * @throws ModelError
 */
export async function checkModel(
  model: { readonly name: string; readonly directory: string },
  core: { readonly name: string; readonly directory: string },
): Promise<ServedConfig> {
  const config = await loadServedConfig(model.directory);
  await checkTogether(core, [model]);
  const base = (await loadServedConfig(core.directory)).baseDigest;
  // A core that does not say what its base is leaves it to the model's own look at it.
  if (base !== undefined && config.needsBase && config.baseDigest !== base) {
    throw new ModelError(
      `${model.directory}: it computes by a base of digest ${config.baseDigest}, the core's is ${base}`,
    );
  }
  if (config.weightsFiles.includes(modelFiles.weights)) await checkHeader(join(model.directory, modelFiles.weights));
  return config;
}

/** Whether a file is safetensors, as far as its header tells. */
async function checkHeader(path: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Buffer.alloc(8);
    await file.read(start, 0, start.length, 0);
    const header = Buffer.alloc(headerBytes(start, size));
    await file.read(header, 0, header.length, 0);
    decodeHeader(header, size);
  } catch (cause) {
    throw new ModelError(`${path}: ${(cause as Error).message}`, { cause });
  } finally {
    await file.close();
  }
}

/** Lets a model's config name the core's base as its neighbour, wherever it lay when the model was made. */
async function lookBeside(directory: string, core: string): Promise<void> {
  const path = join(directory, modelFiles.config);
  const config = await readFile(path, 'utf8')
    .then(JSON.parse)
    .catch(() => undefined);
  // What is wrong with it is said by whoever reads it.
  if (typeof config?.base !== 'string') return;
  const base = join('..', basename((await loadServedConfig(core)).tokenizerDirectory));
  if (config.base !== base) await writeFile(path, JSON.stringify({ ...config, base }, null, 2));
}

/** Puts a core's base, if it has one, beside a folder's models, where their configs look for it. */
export async function linkBase(core: string, folder: string): Promise<void> {
  const { tokenizerDirectory } = await loadServedConfig(core);
  if (tokenizerDirectory === core) return;
  const link = join(folder, basename(tokenizerDirectory));
  await symlink(resolve(tokenizerDirectory), link).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function refuseForeignEntries(archive: string, limit: number): Promise<void> {
  const wrong: string[] = [];
  let [bytes, files] = [0, 0];
  await list({
    file: archive,
    strict: true,
    onReadEntry: ({ path, type, size }) => {
      const name = path.replace(/^\.\//, '');
      if (type === 'Directory' && name === '') return;
      if (type !== 'File' && type !== 'OldFile') wrong.push(`${path} is a ${type}`);
      else if (dirname(name) !== '.' || !isTaken(name)) wrong.push(`${path} is no file of a model`);
      bytes += size ?? 0;
      files += 1;
    },
  }).catch((cause: Error) => {
    throw new ModelError(`the archive is no tar: ${cause.message}`, { cause });
  });
  if (files === 0) throw new ModelError('the archive has no file in it');
  if (files > mostFiles) throw new ModelError(`the archive has ${files} files, at most ${mostFiles} are taken`);
  if (wrong.length > 0) {
    const expected = `${modelFiles.config}, its weights and a tokenizer at the top`;
    throw new ModelError(`the archive: ${wrong[0]}; expected ${expected}`);
  }
  if (bytes > limit) throw new ModelError(`the archive unpacks to ${bytes} bytes, at most ${limit} are taken`);
}

const isTaken = (name: string) => known.has(name) || documents.test(name);
