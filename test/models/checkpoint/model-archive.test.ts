import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel, packModel } from '../../../models/checkpoint/model-archive.ts';
import { makeNgramModel } from '../../../models/ngram/make-ngram-model.ts';
import { tinyAdaptedFleet } from '../../support/tiny-adapted-fleet.ts';
import { sentences } from '../../support/tiny-fleet.ts';

let adapted: Awaited<ReturnType<typeof tinyAdaptedFleet>>;
let folder: string;
beforeAll(async () => {
  adapted = await tinyAdaptedFleet();
  folder = await mkdtemp(join(tmpdir(), 'slingshot-archive-'));
});
afterAll(async () => {
  await adapted.remove();
  await rm(folder, { recursive: true });
});

const core = () => ({ name: 'core', directory: join(adapted.folder, 'core') });
const open = async (archive: string, limit = 2 ** 20) => {
  const into = await mkdtemp(join(folder, 'opened-'));
  return openModel(archive, into, core(), limit);
};

describe("an archive of a model's own files", () => {
  it('is a model beside the core’s base, wherever it lay when it was made', async () => {
    const made = join(folder, 'far', 'away');
    await mkdir(join(folder, 'far'));
    await writeFile(join(folder, 'documents.txt'), sentences.join('\n'));
    await makeNgramModel({ data: join(folder, 'documents.txt'), core: core().directory, folder: made, reader: true });
    const archive = join(folder, 'model.tar.gz');
    await packModel(made, archive);
    const { config, directory, bytes } = await open(archive);
    expect(config).toMatchObject({ kind: 'ngram', needsBase: true });
    expect(JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')).base).toBe('../base');
    expect(bytes).toBeGreaterThan(0);
    await expect(open(archive, 100)).rejects.toThrow('bytes, at most 100 are taken');
  });

  it('is refused when it computes by another base', async () => {
    const path = join(adapted.folder, 'acme', 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    const own = join(core().directory, 'config.json');
    const ownConfig = JSON.parse(await readFile(own, 'utf8'));
    await writeFile(own, JSON.stringify({ ...ownConfig, base_digest: '0'.repeat(64) }));
    await writeFile(path, JSON.stringify({ ...config, base_digest: 'f'.repeat(64) }));
    const archive = join(folder, 'other.tar.gz');
    await packModel(join(adapted.folder, 'acme'), archive);
    await expect(open(archive)).rejects.toThrow('it computes by a base of digest ffff');
    await writeFile(path, JSON.stringify(config));
    await writeFile(own, JSON.stringify(ownConfig));
  });
});
