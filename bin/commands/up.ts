import { styleText } from 'node:util';
import { Command, Option } from 'commander';
import { usualStateFolder } from '../../lib/administration/usual-state-folder.ts';
import { type Fleet, readFleet } from '../../lib/fleet.ts';
import type { ServiceHere } from '../../lib/local/service-here.ts';
import { executionProviders } from '../../models/runtime/providers.ts';
import { count, port, timeout } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';

const usualPort = 8787;

interface UpOptions {
  readonly state: string;
  readonly ephemeral?: true;
  readonly host?: string;
  readonly port: number;
  readonly cors?: string[];
  readonly models?: string;
  readonly provider: (typeof executionProviders)[number];
  readonly threads: number;
  readonly timeout: number;
}

export function upCommand(): Command {
  return new Command('up')
    .description(
      'The whole service on this machine: the API, the state machines and functions behind it, table, bucket and models.\n' +
        'It listens on loopback alone unless a host is named, and nobody has a key but whom it was made for.',
    )
    .option('--state <folder>', 'where tenants, keys, generations and contexts are kept between runs', usualStateFolder)
    .option('--ephemeral', 'keep nothing')
    .option('--port <n>', 'the port of the API', port, usualPort)
    .option('--host <address>', 'listen on another address than loopback; put TLS before it')
    .option('--cors <origins...>', 'web origins whose pages may call the API')
    .option('--models <folder>', 'the folder with cores and tenants (default: the shipped ones)')
    .addOption(new Option('--provider <kind>', 'what executes the models').choices(executionProviders).default('cpu'))
    .option('--threads <n>', 'of each model', count, 1)
    .option('--timeout <seconds>', 'how long a model may take to answer', timeout, 30)
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const started = performance.now();
  const { startServiceHere } = await import('../../lib/local/service-here.ts');
  const fleet = await readFleet(options.models);
  print(styleText('gray', `starting ${fleet.models.map(({ name }) => name).join(', ')} ...`));
  const { cachedSite } = await import('../../lib/console/cached-site.ts');
  const { pageServer } = await import('../../lib/console/page-server.ts');
  const service = await startServiceHere(fleet, {
    page: pageServer(await cachedSite()),
    state: options.ephemeral ? 'ephemeral' : { folder: options.state },
    address: { port: options.port, ...(options.host === undefined ? {} : { host: options.host }) },
    ...(options.cors ? { corsOrigins: options.cors } : {}),
    ...{ provider: options.provider, threads: options.threads, logsFailures: true },
    endpointTimeoutMilliseconds: Math.ceil(options.timeout * 1000),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  print(`${styleText('bold', 'Slingshot')} is ready at ${service.url} after ${seconds} s`);
  if (service.recovered.length > 0) print(`${service.recovered.length} generations go on that were in flight before`);
  await greet(service, fleet, options);
}

/** A key for whoever starts the service for the first time, and what to do with it. */
async function greet(
  { url, administration }: ServiceHere,
  fleet: Fleet,
  { state, ephemeral }: UpOptions,
): Promise<void> {
  const { addTenant, listTenants } = await import('../../lib/administration/tenants.ts');
  const { addKey } = await import('../../functions/shared/keys/key-store.ts');
  const [own = 'local'] = Object.keys(fleet.catalog.tenants);
  const isNew = (await listTenants(administration)).length === 0;
  let key = 'YOUR_KEY';
  if (isNew) {
    await addTenant(administration, own, 'standard');
    ({ key } = await addKey(administration, own, { label: 'made by slingshot up' }));
    print(`\nkey of the tenant ${own}, shown this once:\n  ${key}`);
  } else {
    const where = state === usualStateFolder || ephemeral ? '' : ` --state ${state}`;
    print(`\nits keys are those that it had; for another one: npx slingshot keys add TENANT${where}`);
  }
  const model = Object.hasOwn(fleet.catalog.tenants, own) ? `core+${own}` : 'core';
  print(`
the console, to watch it: ${url}/${isNew ? `#key=${key}` : ''}

curl ${url}/v1/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\
  -d '{"model": "${model}", "prompt": "To create a queue,", "max_tokens": 25}'

import OpenAI from 'openai';
const client = new OpenAI({ baseURL: '${url}/v1', apiKey: '${key}' });
const { choices } = await client.chat.completions.create({ model: '${model}', messages: [{ role: 'user', content: 'What is a queue?' }] });

the API's document: ${url}/openapi.json
is it ready:        ${url}/v1/ready`);
}
