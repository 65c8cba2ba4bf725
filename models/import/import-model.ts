import { randomInt } from 'node:crypto';
import { copyFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { baseFiles } from '../checkpoint/base.ts';
import { writeSharded } from '../checkpoint/sharded-weights.ts';
import { makeFolder } from '../files/make-folder.ts';
import { ImportError } from './import-error.ts';
import { modelCard, notice } from './model-card.ts';
import type { Source } from './source.ts';

/**
 * Writes a source as a model folder: all of it, or nothing.
 *
 * @throws ImportError when there is something in the folder already
 */
export async function writeModelFolder(
  source: Source,
  out: string,
  onTensor?: (done: number, total: number) => void,
): Promise<void> {
  await refuseUsed(out);
  const temporary = `${resolve(out)}.${randomInt(2 ** 47)}.tmp`;
  try {
    await makeFolder(temporary);
    const write = (file: string, text: string) => writeFile(join(temporary, file), text);
    await write(baseFiles.config, json(source.config));
    await write(baseFiles.tokenizer, `${JSON.stringify(source.tokenizer)}\n`);
    await write(baseFiles.tokenizerConfig, json(source.tokenizerConfig));
    await write('README.md', await modelCard(source));
    await write('NOTICE', notice(source));
    if (source.provenance.licenseFile !== undefined) {
      await copyFile(source.provenance.licenseFile, join(temporary, 'LICENSE'));
    }
    await writeSharded(temporary, source.tensors, onTensor);
    await rm(out, { recursive: true, force: true });
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** @throws ImportError unless `out` is missing or an empty folder */
export async function refuseUsed(out: string): Promise<void> {
  const files = await readdir(out).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new ImportError(`${out} cannot be written: ${cause.message}`, { cause });
  });
  if (files.length > 0) throw new ImportError(`${out} holds files already: name a new folder, or empty it`);
}
