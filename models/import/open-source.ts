import { stat } from 'node:fs/promises';
import { FileBytes } from './file-bytes.ts';
import { openGguf } from './gguf-source.ts';
import { openHuggingFace } from './hugging-face-source.ts';
import { ImportError } from './import-error.ts';
import { withEveryByte } from './select-tokens.ts';
import type { Source } from './source.ts';

/**
 * Opens a GGUF file or a Hugging Face folder, its tokenizer made to hold any text.
 *
 * @throws ImportError
 */
export async function openSource(path: string): Promise<Source> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ImportError(`${path}: no such file or folder; name a GGUF file or a Hugging Face folder`);
  const source = found.isDirectory() ? await openHuggingFace(path) : await openGgufFile(path);
  try {
    return withEveryByte(source, path);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openGgufFile(path: string): Promise<Source> {
  const file = await FileBytes.open(path);
  try {
    return await openGguf(file);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}
