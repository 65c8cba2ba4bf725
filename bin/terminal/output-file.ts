import { type FileHandle, open } from 'node:fs/promises';

/** A file that a command writes, opened before the work begins, so that it is not in vain. */
export class OutputFile {
  readonly #option: string;
  readonly #file: FileHandle;
  #isEmptied = false;

  private constructor(option: string, file: FileHandle) {
    this.#option = option;
    this.#file = file;
  }

  /**
   * @param option what names the file, such as `--trace`
   * @throws Error beginning with the option
   */
  static async open(option: string, path: string): Promise<OutputFile> {
    try {
      // What was there stays until there is something to write.
      return new OutputFile(option, await open(path, 'a'));
    } catch (cause) {
      throw new Error(`${option}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Where a path was given. */
  static async openIfAsked(option: string, path: string | undefined): Promise<OutputFile | undefined> {
    return path === undefined ? undefined : OutputFile.open(option, path);
  }

  /** Adds text; the first one replaces what was in the file. */
  async write(text: string): Promise<void> {
    try {
      if (!this.#isEmptied && (await this.#file.stat()).isFile()) await this.#file.truncate();
      this.#isEmptied = true;
      await this.#file.writeFile(text);
    } catch (cause) {
      throw new Error(`${this.#option}: could not write: ${(cause as Error).message}`, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
