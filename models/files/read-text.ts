import { createReadStream, readFileSync } from 'node:fs';

const byteOrderMark = '\uFEFF';
/** As much as is read of a file that people write: a recipe, a configuration. */
export const documentBytes = 2 ** 20;
/** Stands for standard input where a file's name is asked for. */
export const standardInput = '-';

/**
 * A file's text as everything here takes text in: UTF-8, without a byte order mark, its lines ended by LF.
 *
 * @param file a path, or `-` for standard input
 * @throws Error naming the file, when it cannot be read, is no UTF-8 text or longer than `most` bytes
 */
export async function readText(file: string, most = documentBytes): Promise<string> {
  const name = file === standardInput ? 'standard input' : file;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of file === standardInput ? process.stdin : createReadStream(file)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > most) break;
    }
  } catch (cause) {
    throw new Error(`${name} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (size > most) throw new Error(`${name} is longer than ${most} bytes`);
  return decodeText(Buffer.concat(chunks), name);
}

/** The same, at once. */
export function readTextSync(path: string): string {
  return decodeText(readFileSync(path), path);
}

/**
 * Bytes as text, as readText has it.
 *
 * @throws Error that begins with `name`
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) throw new Error(`${name} is UTF-16 text: save it as UTF-8`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`${name} is not UTF-8 text`, { cause });
  }
  if (text.includes('\0')) throw new Error(`${name} is not text: it holds NUL`);
  return (text.startsWith(byteOrderMark) ? text.slice(1) : text).replaceAll('\r\n', '\n');
}
