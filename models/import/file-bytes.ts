import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ImportError } from './import-error.ts';

const gitLfsPointer = 'version https://git-lfs';

/** A file read in pieces. */
export class FileBytes implements AsyncDisposable {
  readonly path: string;
  readonly size: number;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path;
    this.size = size;
    this.#file = file;
  }

  /** @throws ImportError when it cannot be opened, or stands for a file that Git LFS has not fetched */
  static async open(path: string): Promise<FileBytes> {
    let file: FileHandle;
    try {
      file = await open(path);
    } catch (cause) {
      throw new ImportError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
    }
    const bytes = new FileBytes(path, file, (await file.stat()).size);
    try {
      const start = await bytes.read(0, Math.min(gitLfsPointer.length, bytes.size));
      if (Buffer.from(start).toString('latin1') === gitLfsPointer) {
        throw new ImportError(`${path} is a Git LFS pointer, not the file itself: fetch it with "git lfs pull"`);
      }
      return bytes;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(from: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#file.read(buffer, done, length - done, from + done);
      if (bytesRead === 0) throw new ImportError(`${this.path} ended at byte ${from + done}: it is being changed`);
      done += bytesRead;
    }
    return buffer;
  }

  /** Hexadecimal. */
  async sha256(): Promise<string> {
    const hash = createHash('sha256');
    const piece = 2 ** 24;
    for (let from = 0; from < this.size; from += piece) {
      hash.update(await this.read(from, Math.min(piece, this.size - from)));
    }
    return hash.digest('hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
