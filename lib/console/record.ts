// Records the console's examples from the shipped models: npm run record
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Played } from '../../console/player-page.ts';
import { toRunFile } from '../../console/run/run-file.ts';
import { type Settings, usual } from '../../console/settings.ts';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { addTenant } from '../administration/tenants.ts';
import { readFleet } from '../fleet.ts';
import { startServiceHere } from '../local/service-here.ts';
import { consoleFolder } from './build-site.ts';
import { recordRun } from './record-run.ts';

interface Example {
  readonly name: string;
  readonly tenant: string;
  readonly settings: Partial<Settings>;
  readonly document?: string;
}

const call = 'To transfer a call to another agent,';
const handbook =
  'Northwind Travel, handbook for agents. To transfer a call to another agent, press the blue key, say the ' +
  "guest's name, and choose the Harbour desk. The Harbour desk answers in English and Danish from six in the morning " +
  'until ten at night. At night, calls go to the Lantern team in Aarhus.';

/** Prompts and weights are picked so that a screen shows what a tenant does; the texts are as they came. */
const examples: readonly Example[] = [
  { name: 'contact-center', tenant: 'contact-center', settings: { prompt: call, seed: 1, weight: 0.8 } },
  {
    name: 'private-document',
    tenant: 'contact-center',
    settings: { prompt: call, seed: 1, weight: 0.7, contrast: 1 },
    document: handbook,
  },
  {
    name: 'broadcast-video',
    tenant: 'broadcast-video',
    settings: { prompt: 'To insert an advertisement into the stream,', seed: 1, weight: 0.8 },
  },
  {
    name: 'fairy-tales',
    tenant: 'fairy-tales',
    settings: { prompt: 'The old king called his three daughters and said,', seed: 1, weight: 0.8 },
  },
];

const service = await startServiceHere(await readFleet(), { state: 'ephemeral', endpointTimeoutMilliseconds: 60_000 });
try {
  const keys = new Map<string, string>();
  for (const { name, tenant, settings: own, document } of examples) {
    if (!keys.has(tenant)) {
      await addTenant(service.administration, tenant, 'large');
      keys.set(tenant, (await addKey(service.administration, tenant, {})).key);
    }
    const settings: Settings = { ...usual, ...own, right: `core+${tenant}` };
    const key = keys.get(tenant) as string;
    const runs = [];
    // One after the other, so that neither waits for the other's models.
    for (const model of [settings.left, settings.right]) {
      runs.push(toRunFile(await recordRun({ url: service.url, key, settings, model, document })));
    }
    const played: Played = { settings, runs, ...(document === undefined ? {} : { document }) };
    const file = join(consoleFolder, 'recordings', `${name}.json`);
    await writeFile(file, `${JSON.stringify(played)}\n`);
    process.stdout.write(
      `${file}: ${runs.map(({ commits }) => commits.map(({ text }) => text).join('')).join('\n  ')}\n`,
    );
  }
} finally {
  await service.stop();
}
