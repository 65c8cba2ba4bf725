import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeError } from '../files/write-error.ts';
import { byteLength, decodeHeader, encodeHeader } from './safetensors.ts';
import { isBlockFormat, shapeOf, storedAs, type TensorFormat, tensorFormats, toFloat32 } from './tensor-format.ts';

export const indexFile = 'model.safetensors.index.json';
/** A file of a Git repository is best below 50 MB. */
const partBytes = 48e6;

/** A tensor still to be written: its elements are asked for when their turn comes. */
export interface PendingTensor {
  readonly format: TensorFormat;
  readonly shape: readonly number[];
  read(): Promise<Uint8Array>;
}

/** A tensor of a folder, as it is stored. */
export interface ShardedTensor {
  readonly format: TensorFormat;
  /** [rows, columns], or [elements]. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  toFloat32(): Float32Array;
}

const indexSchema = z.object({
  metadata: z.object({
    total_size: z.int().nonnegative(),
    /** SHA-256 of each part, hexadecimal. */
    sha256: z.record(z.string(), z.string()),
  }),
  weight_map: z.record(z.string(), z.string()),
});

/** The safetensors metadata that says which tensors are blocks of which format: JSON, {name: format}. */
const formatsKey = 'quantisation';
const blockFormatsSchema = z.record(z.string(), z.enum(tensorFormats));

/** Writes tensors as safetensors in parts, with an index as Hugging Face writes it and each part's digest. */
export async function writeSharded(
  folder: string,
  tensors: ReadonlyMap<string, PendingTensor>,
  onTensor?: (done: number, total: number) => void,
): Promise<void> {
  const parts = inParts(tensors);
  const weightMap: Record<string, string> = {};
  const digests: Record<string, string> = {};
  let total = 0;
  let done = 0;
  for (const [i, names] of parts.entries()) {
    const file = partName(i, parts.length);
    digests[file] = await writePart(
      join(folder, file),
      names.map((name) => [name, tensors.get(name) as PendingTensor]),
      () => onTensor?.(++done, tensors.size),
    );
    for (const name of names) {
      weightMap[name] = file;
      total += storedBytes(tensors.get(name) as PendingTensor);
    }
  }
  const index = { metadata: { total_size: total, sha256: digests }, weight_map: weightMap };
  await writeFile(join(folder, indexFile), `${JSON.stringify(index, null, 2)}\n`);
}

function storedBytes({ format, shape }: PendingTensor): number {
  const stored = storedAs(format, shape);
  return byteLength(stored.type, stored.shape);
}

/** Names in order, as many a part as fit; a tensor larger than a part has its own. */
function inParts(tensors: ReadonlyMap<string, PendingTensor>): string[][] {
  const parts: string[][] = [];
  let room = 0;
  for (const [name, tensor] of tensors) {
    const bytes = storedBytes(tensor);
    if (bytes > room) {
      parts.push([]);
      // The header's entries take room, too.
      room = partBytes - 2 ** 16;
    }
    room -= bytes;
    parts[parts.length - 1].push(name);
  }
  return parts;
}

function partName(i: number, parts: number): string {
  if (parts === 1) return 'model.safetensors';
  const number = (value: number) => String(value).padStart(5, '0');
  return `model-${number(i + 1)}-of-${number(parts)}.safetensors`;
}

/** @returns the file's digest */
async function writePart(
  path: string,
  tensors: readonly (readonly [string, PendingTensor])[],
  onTensor: () => void,
): Promise<string> {
  const blocks = tensors.filter(([, { format }]) => isBlockFormat(format)).map(([name, { format }]) => [name, format]);
  const header = encodeHeader(
    tensors.map(([name, { format, shape }]) => [name, storedAs(format, shape)]),
    { format: 'pt', ...(blocks.length === 0 ? {} : { [formatsKey]: JSON.stringify(Object.fromEntries(blocks)) }) },
  );
  const hash = createHash('sha256');
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'wx');
    hash.update(header);
    await file.writeFile(header);
    for (const [, tensor] of tensors) {
      const bytes = await tensor.read();
      hash.update(bytes);
      await file.writeFile(bytes);
      onTensor();
    }
    await file.sync();
    return hash.digest('hex');
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === undefined ? cause : writeError(path, cause);
  } finally {
    await file?.close();
  }
}

/**
 * Reads what `writeSharded` wrote, and checks each part's digest.
 *
 * @returns the tensors, and the digest of all of them: that of the parts' digests in order
 * @throws Error naming the file, and what is wrong with it
 */
export async function readSharded(
  folder: string,
): Promise<{ tensors: ReadonlyMap<string, ShardedTensor>; digest: string }> {
  const index = await readIndex(folder);
  const tensors = new Map<string, ShardedTensor>();
  const digests = [];
  for (const [file, expected] of Object.entries(index.metadata.sha256).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const path = join(folder, file);
    const bytes = await readFile(path);
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (digest !== expected) {
      throw new Error(`${path} is not the file that ${indexFile} describes: its SHA-256 is ${digest}, not ${expected}`);
    }
    digests.push(digest);
    for (const [name, tensor] of partTensors(path, bytes)) tensors.set(name, tensor);
  }
  const absent = Object.keys(index.weight_map).find((name) => !tensors.has(name));
  if (absent !== undefined) throw new Error(`${join(folder, index.weight_map[absent])}: tensor ${absent} is missing`);
  return { tensors, digest: createHash('sha256').update(digests.join('')).digest('hex') };
}

async function readIndex(folder: string): Promise<z.infer<typeof indexSchema>> {
  const path = join(folder, indexFile);
  try {
    return indexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new Error(`${path} is no index of weights with digests: ${(cause as Error).message}`, { cause });
  }
}

function* partTensors(path: string, bytes: Uint8Array): Generator<[string, ShardedTensor]> {
  try {
    const { entries, metadata } = decodeHeader(bytes, bytes.length);
    const blockFormats = blockFormatsSchema.parse(JSON.parse(metadata[formatsKey] ?? '{}'));
    for (const [name, { type, shape, from, to }] of entries) {
      const format = blockFormats[name] ?? tensorFormats.find((format) => format === type);
      if (format === undefined) throw new Error(`tensor ${name} is of type ${type}`);
      const stored = bytes.subarray(from, to);
      yield [
        name,
        { format, shape: shapeOf(format, shape), bytes: stored, toFloat32: () => toFloat32(format, stored) },
      ];
    }
  } catch (cause) {
    throw new Error(`${path} is damaged: ${(cause as Error).message}`, { cause });
  }
}
