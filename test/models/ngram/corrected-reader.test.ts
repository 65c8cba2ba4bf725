import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadRunnableBase } from '../../../models/checkpoint/adapter-directory.ts';
import { openModel, packModel } from '../../../models/checkpoint/model-archive.ts';
import { modelFiles } from '../../../models/checkpoint/model-directory.ts';
import { modelVersion, servedFiles } from '../../../models/checkpoint/served-model.ts';
import { loadTuned, saveTuned } from '../../../models/checkpoint/tuned-directory.ts';
import { logits } from '../../../models/evaluation/next-token-cost.ts';
import { BaseReader } from '../../../models/inference/base-reader.ts';
import { NgramDenoiser } from '../../../models/inference/ngram-denoiser.ts';
import { loadStepModel } from '../../../models/inference/step-model.ts';
import { keptLayers, tunedSpecs } from '../../../models/network/tuned-base.ts';
import { makeNgramModel } from '../../../models/ngram/make-ngram-model.ts';
import { ngramFile } from '../../../models/ngram/ngram-config.ts';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';
import { tinyAdaptedFleet } from '../../support/tiny-adapted-fleet.ts';
import { sample, tinyAdapterConfig } from '../../support/tiny-base.ts';

const { vocabulary, endOfText, positions, block } = tinyAdapterConfig;
const shape = { firstLayers: 1, lastLayers: 0, rank: 2 };

let made: Awaited<ReturnType<typeof tinyAdaptedFleet>>;
let tuned: string;
let tenant: string;
beforeAll(async () => {
  made = await tinyAdaptedFleet();
  const base = join(made.folder, 'base');
  const { digest: baseDigest, network } = await loadRunnableBase(base);
  const numbers = tunedSpecs(keptLayers(network, shape), shape).map(({ name, shape: size }, i) => {
    const data = sample(
      size.reduce((a, b) => a * b, 1),
      60 + i,
    );
    return [name, { shape: size, data }] as const;
  });
  tuned = join(made.folder, 'tuned');
  const config = { kind: 'tuned', base, baseDigest, vocabulary, endOfText, positions, block, ...shape } as const;
  await saveTuned(tuned, config, base, new Map(numbers), 'int8');
  tenant = join(made.folder, 'northwind');
  await makeNgramModel({ ...sources(), folder: tenant, tuned });
});
afterAll(() => made.remove());

const sources = () => ({ data: join(made.folder, 'acme.jsonl'), core: join(made.folder, 'core'), order: 3 });
const [context, next] = [
  [9, 16, 25, 36],
  [49, 64, 81, 100, 121],
];

describe("a tenant's n-grams beside which a tuned base reads", () => {
  it('say what the n-grams and the tuned base say', async () => {
    const parts = await NgramDenoiser.create(
      'northwind',
      { kind: 'ngram', order: 3, vocabulary, endOfText, positions, block, base: '../base' },
      await NgramModel.load(join(tenant, ngramFile)),
      { reader: await BaseReader.create((await loadTuned(tuned)).network, { block, positions }) },
    );
    const whole = await loadStepModel(tenant);
    const plain = await makeNgramModel({ ...sources(), folder: join(made.folder, 'plain'), reader: true }).then(() =>
      loadStepModel(join(made.folder, 'plain')),
    );
    const [expected, said, uncorrected] = await Promise.all(
      [parts, whole, plain].map((model) => logits(model, context, next, vocabulary)),
    );
    expect(said).toEqual(expected);
    expect(said).not.toEqual(uncorrected);
    for (const model of [parts, whole, plain]) await model.release();
  });

  it('are served with both files, and another correction is another version', async () => {
    const { files } = await servedFiles(tenant, 'all');
    expect(files).toEqual(expect.arrayContaining([ngramFile, modelFiles.weights].map((file) => `northwind/${file}`)));
    const version = await modelVersion(tenant);
    const path = join(tenant, modelFiles.weights);
    const weights = await readFile(path);
    await writeFile(
      path,
      Uint8Array.from(weights, (byte, i) => (i === weights.length - 1 ? byte ^ 1 : byte)),
    );
    expect(await modelVersion(tenant)).not.toBe(version);
    await writeFile(path, weights);
  });

  it('are sent whole, and refused without the correction', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slingshot-corrected-'));
    const archive = join(folder, 'model.tar');
    const core = { name: 'core', directory: join(made.folder, 'core') };
    await packModel(tenant, archive);
    const into = await mkdtemp(join(folder, 'opened-'));
    const { directory, bytes } = await openModel(archive, into, core, 2 ** 24);
    const sizes = await Promise.all([ngramFile, modelFiles.weights].map((file) => readFile(join(directory, file))));
    expect(bytes).toBe(sizes[0].length + sizes[1].length);
    await rm(join(directory, modelFiles.weights));
    await packModel(directory, archive);
    const again = await mkdtemp(join(folder, 'opened-'));
    await expect(openModel(archive, again, core, 2 ** 24)).rejects.toThrow(`${modelFiles.weights} cannot be read`);
    await rm(folder, { recursive: true });
  });

  it.each([
    [{ base_digest: undefined }, 'corrects a base, which base_digest must name'],
    [
      { correction: { rank: 2, first_layers: 3, last_layers: 0 } },
      'keeps 3 first and 0 last layers of a base that has 2',
    ],
    [{ correction: { rank: 3, first_layers: 1, last_layers: 0 } }, 'tensor layers.0.qkv.a has shape [32,2]'],
  ])('are refused with %j in their config', async (changes, message) => {
    const path = join(tenant, modelFiles.config);
    const config = await readFile(path, 'utf8');
    await writeFile(path, JSON.stringify({ ...JSON.parse(config), ...changes }));
    await expect(loadStepModel(tenant)).rejects.toThrow(message);
    await writeFile(path, config);
  });

  it('are what a tuned base is served with, not alone', async () => {
    await expect(loadStepModel(tuned)).rejects.toThrow(`slingshot ngram --tuned ${tuned} makes that model`);
  });

  it('are not made over another base than the core’s', async () => {
    const path = join(tuned, modelFiles.config);
    const config = await readFile(path, 'utf8');
    await writeFile(path, JSON.stringify({ ...JSON.parse(config), base_digest: 'f'.repeat(64) }));
    const other = makeNgramModel({ ...sources(), folder: join(made.folder, 'other'), tuned });
    await expect(other).rejects.toThrow('it corrects a base of digest ffff');
    await writeFile(path, config);
  });
});
