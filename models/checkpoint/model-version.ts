import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { modelFiles } from './model-directory.ts';

/** A model's digest: of what decides its answers. Two models of one version answer alike. */
export async function modelVersion(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [modelFiles.config, modelFiles.weights]) {
    await pipeline(createReadStream(join(directory, file)), hash, { end: false });
  }
  return hash.digest('hex').slice(0, 16);
}
