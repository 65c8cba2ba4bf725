import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fleet, readFleet } from '../../lib/fleet.ts';
import { saveAdapter } from '../../models/checkpoint/adapter-directory.ts';
import { baseFiles } from '../../models/checkpoint/base.ts';
import { baseTensorShapes } from '../../models/checkpoint/base-config.ts';
import { writeSharded } from '../../models/checkpoint/sharded-weights.ts';
import { makeNgramModel } from '../../models/ngram/make-ngram-model.ts';
import { tinyAdapted, tinyShape, tinyTensors } from './tiny-base.ts';
import { routedFleet, sentences, tinyTokenizer } from './tiny-fleet.ts';

interface Made {
  readonly folder: string;
  /** The base's folder. */
  readonly base: string;
}

/** The same with two specialists over the core's base, and a core that they make up together with it. */
export function tinyAdaptedSpecialists(cores: object = routedFleet.cores) {
  return tinyAdaptedFleet(cores, async ({ folder, config, base, adapter }) => {
    for (const [factor, name] of [
      [3, 'middle'],
      [-2, 'high'],
    ] as const) {
      const other = [...adapter].map(([tensor, { data, ...rest }]) => {
        // The prior is no matter of who answers.
        const changed = tensor === 'prior' ? data : data.map((value) => factor * value);
        return [tensor, { ...rest, data: changed }] as const;
      });
      await saveAdapter(join(folder, name), config, base, new Map(other), 'fp32');
    }
  });
}

/** A folder with a core that is an adapter over a base, and the tenant `acme`, counted; the caller removes it. */
export async function tinyAdaptedFleet(
  cores: object = { core: 'core' },
  prepare?: (made: Pick<Awaited<ReturnType<typeof tinyAdapted>>, 'config' | 'adapter'> & Made) => Promise<void>,
): Promise<{ fleet: Fleet; folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-adapted-'));
  const base = join(folder, 'base');
  const { config, base: model, adapter } = await tinyAdapted();
  await mkdir(base);
  await writeFile(join(base, baseFiles.config), JSON.stringify(model.config));
  await writeFile(join(base, baseFiles.tokenizer), await tinyTokenizer());
  await writeFile(join(base, baseFiles.tokenizerConfig), '{}');
  const tensors = tinyTensors(tinyShape);
  await writeSharded(
    base,
    new Map(
      [...baseTensorShapes(model.config)].map(([name, shape]) => {
        const data = tensors.get(name) as Float32Array;
        return [name, { format: 'F32' as const, shape, read: async () => new Uint8Array(data.buffer) }];
      }),
    ),
  );
  await saveAdapter(join(folder, 'core'), config, base, adapter, 'fp32');
  await prepare?.({ folder, config, base, adapter });
  const documents = join(folder, 'acme.jsonl');
  await writeFile(documents, sentences.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  await makeNgramModel({ data: documents, core: join(folder, 'core'), folder: join(folder, 'acme'), order: 3 });
  await writeFile(join(folder, 'fleet.json'), JSON.stringify({ cores, tenants: { acme: 'acme' } }));
  return { fleet: await readFleet(folder), folder, remove: () => rm(folder, { recursive: true }) };
}
