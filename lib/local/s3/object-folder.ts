import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';

/** What is known of an object, which lies before its bytes in its file. */
export interface ObjectHead {
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly modified: number;
  readonly type: string;
  /** Headers that begin with x-amz-meta-, by the rest of their name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file that is written, and not yet in its place. */
export interface Draft {
  readonly path: string;
  readonly size: number;
  readonly md5: Buffer;
  readonly sha256: string;
  /** As checksums are written: big-endian, base64. */
  readonly crc32: string;
}

/** What is known of an object that is there, with its first bytes: most have no others. */
export interface KnownObject extends ObjectHead {
  readonly size: number;
  readonly beginning: Uint8Array;
}

/** The file's first part is its head as JSON, with its length before it. */
const headBytes = 4096;
const readAtOnce = 16_384;
const unfinished = '.unfinished';
const longestName = 200;

/** Objects as files of a folder: each is there as a whole or not at all, also when the process is killed. */
export class ObjectFolder {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param folder which is there */
  static async open(folder: string): Promise<ObjectFolder> {
    await rm(join(folder, unfinished), { recursive: true, force: true });
    await mkdir(join(folder, unfinished));
    return new ObjectFolder(folder);
  }

  async buckets(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => !name.startsWith('.')).sort();
  }

  async makeBucket(bucket: string): Promise<void> {
    await this.#makeFolders(join(this.#folder, bucket));
  }

  /** Writes bytes beside the objects; whoever gets the draft keeps it, or discards it. */
  async draft(source: AsyncIterable<Uint8Array>): Promise<Draft> {
    const path = join(this.#folder, unfinished, randomBytes(12).toString('hex'));
    const file = await open(path, 'wx');
    const [md5, sha256] = [createHash('md5'), createHash('sha256')];
    let [size, crc] = [0, 0];
    try {
      for await (const chunk of source) {
        await file.write(chunk, 0, chunk.length, headBytes + size);
        md5.update(chunk);
        sha256.update(chunk);
        crc = crc32(chunk, crc);
        size += chunk.length;
      }
      await file.close();
    } catch (error) {
      await file.close().catch(() => {});
      await unlink(path).catch(() => {});
      throw error;
    }
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc);
    return { path, size, md5: md5.digest(), sha256: sha256.digest('hex'), crc32: checksum.toString('base64') };
  }

  /** The bytes of several drafts, one after the other. */
  joined(drafts: readonly Pick<Draft, 'path'>[]): Promise<Draft> {
    return this.draft(
      (async function* () {
        for (const { path } of drafts) yield* createReadStream(path, { start: headBytes });
      })(),
    );
  }

  async discard({ path }: Pick<Draft, 'path'>): Promise<void> {
    await unlink(path).catch(() => {});
  }

  /**
   * Puts a draft in its place.
   *
   * @param onlyNew whether there must be none of this key
   * @returns whether it did
   * @throws RangeError when the head is too long
   */
  async keep(draft: Pick<Draft, 'path'>, at: ObjectPlace, head: ObjectHead, onlyNew = false): Promise<boolean> {
    const text = Buffer.from(JSON.stringify(head));
    if (text.length > headBytes - 4) throw new RangeError('an object has at most 2 KB of metadata');
    const start = Buffer.alloc(4 + text.length);
    start.writeUInt32LE(text.length);
    text.copy(start, 4);
    const file = await open(draft.path, 'r+');
    await file.write(start, 0, start.length, 0).finally(() => file.close());
    const path = this.#pathOf(at);
    for (let attempt = 0; ; attempt++) {
      try {
        // Mostly its folder is there, where its neighbours are.
        if (attempt > 0) await this.#makeFolders(dirname(path));
        if (!onlyNew) await rename(draft.path, path);
        else await link(draft.path, path).then(() => unlink(draft.path));
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (onlyNew && code === 'EEXIST') return false;
        // There was none yet; or somebody who removed the last object beside it removed its folder.
        if (code !== 'ENOENT' || attempt === 10) throw error;
      }
    }
  }

  async head(at: ObjectPlace): Promise<KnownObject | undefined> {
    const file = await open(this.#pathOf(at), 'r').catch(missing);
    if (!file) return undefined;
    try {
      const [{ size }, { buffer, bytesRead }] = await Promise.all([
        file.stat(),
        file.read(Buffer.alloc(readAtOnce), 0, readAtOnce, 0),
      ]);
      const head = JSON.parse(buffer.subarray(4, 4 + buffer.readUInt32LE()).toString());
      const beginning = buffer.subarray(headBytes, Math.max(headBytes, bytesRead));
      return { ...head, size: Math.max(0, size - headBytes), beginning };
    } finally {
      await file.close();
    }
  }

  /** The bytes from `start` up to and with `end`. */
  read(at: ObjectPlace, { start = 0, end = Number.POSITIVE_INFINITY } = {}): Readable {
    return createReadStream(this.#pathOf(at), { start: headBytes + start, end: headBytes + end });
  }

  /** Also where there is none. */
  async remove(at: ObjectPlace): Promise<void> {
    let path = this.#pathOf(at);
    await unlink(path).catch(missing);
    // Folders that are empty now go, too.
    for (path = dirname(path); path !== join(this.#folder, at.bucket); path = dirname(path)) {
      const removed = await rmdir(path).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  }

  /** All keys of a bucket, or undefined where there is no such bucket, in the order of their bytes. */
  async keys(bucket: string): Promise<string[] | undefined> {
    const names = await readdir(join(this.#folder, bucket), { recursive: true }).catch(missing);
    const keys = names?.filter((name) => name.endsWith('%o')).map(keyOf);
    return keys?.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** Of the objects' own folder none: where that was removed, as a process ends, it is not made again. */
  async #makeFolders(path: string): Promise<void> {
    let at = this.#folder;
    for (const name of relative(this.#folder, path).split(sep)) {
      at = join(at, name);
      await mkdir(at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }
  }

  #pathOf({ bucket, key }: ObjectPlace): string {
    return join(this.#folder, bucket, ...namesOf(key));
  }
}

export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** Folders and a file for a key; escapes have capital letters, so that %d, %c and %o at a name's end are none. */
function namesOf(key: string): string[] {
  const parts = key.split('/').map(encodeURIComponent);
  return parts.flatMap((part, index) => {
    const pieces = part.match(new RegExp(`.{1,${longestName}}`, 'g')) ?? [''];
    const last = index === parts.length - 1 ? '%o' : '%d';
    return pieces.map((piece, at) => piece + (at < pieces.length - 1 ? '%c' : last));
  });
}

function keyOf(path: string): string {
  const parts = path.split(sep).map((name) => name.slice(0, -2) + (name.endsWith('%d') ? '/' : ''));
  return decodeURIComponent(parts.join(''));
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
