import { stat } from 'node:fs/promises';
import { FileBytes } from './file-bytes.ts';
import { openGguf } from './gguf-source.ts';
import { ImportError, type Source } from './source.ts';

/** Opens a GGUF file. @throws ImportError */
export async function openSource(path: string): Promise<Source> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ImportError(`${path}: no such file or folder; give a GGUF file`);
  const file = await FileBytes.open(path);
  try {
    return await openGguf(file);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}
