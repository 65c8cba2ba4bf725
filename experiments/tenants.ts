import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { NextToken } from '../models/autoregressive/next-token.ts';
import { type AdaptedModel, loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { baseFiles } from '../models/checkpoint/base.ts';
import { isAutoregressive, parseConfigFile } from '../models/checkpoint/model-directory.ts';
import { modelVersion } from '../models/checkpoint/served-model.ts';
import { readTexts } from '../models/data/documents.ts';
import { dataFiles } from '../models/data/rows.ts';
import { costsByTenths, logits, nextTokenLane, tenths } from '../models/evaluation/next-token-cost.ts';
import { AdaptedDenoiser } from '../models/inference/adapted-denoiser.ts';
import { BaseReader } from '../models/inference/base-reader.ts';
import { NgramDenoiser } from '../models/inference/ngram-denoiser.ts';
import type { StepModel } from '../models/inference/step-model.ts';
import { keptLayers, tunedSpecs } from '../models/network/tuned-base.ts';
import { ngramFile, parseNgramConfig } from '../models/ngram/ngram-config.ts';
import { NgramModel } from '../models/ngram/ngram-model.ts';
import { parameterCount, parameterSpecs } from '../models/ssd2/parameters.ts';
import { autoregressive, autoregressiveTokensPerStep, baseModel, type Lab } from './lab.ts';
import type { Report } from './report.ts';
import { type Document, isPrivate, memberName, settings, tenantsReport } from './tenants-report.ts';
import { tunedRecipe, tunedTenant } from './tuned-tenant.ts';

const tenants = ['contact-center', 'broadcast-video', 'fairy-tales'] as const;
type Tenant = (typeof tenants)[number];
const documents = 24;
/** Of a document: what is private to the tenant, what both are prompted with, and what is predicted. */
const [privateTokens, promptTokens, predictedTokens] = [200, 25, 100];

/** Of the network from nothing, trained for the lab's steps. */
const networkLayers = 4;
/** The settings of tuned layers, and the recipes that train them; few layers were tried on the first tenant alone. */
const recipesOf = (tenant: Tenant) =>
  [['tuned', 'david'], ...(tenant === tenants[0] ? ([['6 layers', 'david-small']] as const) : [])] as const;

/** Logits of `next` after `before`, [next, vocabulary]. */
interface Member {
  read(before: readonly number[], next: readonly number[]): Promise<Float32Array>;
  release(): Promise<void>;
}

/**
 * Held-out text of each tenant under the core, the tenant and both, the tenant being of each kind that there is: its counts,
 * alone or with a base reading beside them, and networks of its own; as it is, and with what comes before it as the tenant's
 * private context.
 */
export async function tenantsByWeight(lab: Lab): Promise<Report> {
  const model = await loadAdapter(join(shippedModels, 'core'));
  const core = await AdaptedDenoiser.create(model, { threads: lab.options.threads ?? 1 });
  const results: { tenant: string; read: readonly Document[] }[] = [];
  for (const tenant of tenants) {
    const versions = await Promise.all(['core', tenant].map((name) => modelVersion(join(shippedModels, name))));
    const recipes = await Promise.all(recipesOf(tenant).map(([, name]) => tunedRecipe(name, tenant)));
    const key = { tenant, versions, recipes, settings, tenths, steps: lab.steps, documents };
    results.push({ tenant, read: await lab.kept('tenants', key, () => readTenant(lab, tenant, model, core)) });
  }
  await core.release();
  return tenantsReport(results, await setupOf(lab, model));
}

async function setupOf(lab: Lab, { base, config: { vocabulary } }: AdaptedModel): Promise<string> {
  const spelled = (number: number) => number.toLocaleString('en');
  const network = parameterCount(parameterSpecs(autoregressive({ ...baseModel, layers: networkLayers, vocabulary })));
  const tuned: string[] = [];
  for (const [name, recipe] of recipesOf(tenants[0])) {
    const { model, batch, budget } = await tunedRecipe(recipe, tenants[0]);
    if (model.kind !== 'tuned') throw new TypeError(`${recipe} trains no tuned base`);
    const { firstLayers, lastLayers, rank, block } = model;
    const layers = `${firstLayers} first${lastLayers > 0 ? ` and the ${lastLayers} last` : ''} of the base's ${base.network.shape.layers} layers`;
    const tokens = (budget.steps ?? 0) * batch.sequences * ((batch.blocks + 1) * block - 1);
    const numbers = parameterCount(tunedSpecs(keptLayers(base.network, model), model));
    tuned.push(
      `"${name}": the ${layers} with corrections of rank ${rank}, ${spelled(numbers)} numbers, trained on ${spelled(tokens)} tokens of it`,
    );
  }
  return (
    `The shipped core and tenants on ${documents} held-out documents of each tenant: after ${promptTokens} tokens, ${predictedTokens} are ` +
    `predicted, each from all before it; "private": the ${privateTokens} tokens before those are the tenant's context, and the core does not ` +
    'see them. Nats a token, 95 % intervals over documents; weights, in brackets, chosen on every other document and reported on the rest; ' +
    'the last column is of the same documents. ' +
    `"network": an autoregressive one of ${networkLayers} layers of ${baseModel.width}, from nothing, on ` +
    `${spelled(lab.steps * autoregressiveTokensPerStep)} tokens of the tenant's text; ${spelled(network)} numbers. ${tuned.join('; ')}. ` +
    '"counts" alone, "reading": beside the base as it is, "+ counts": beside those layers.'
  );
}

async function readTenant(lab: Lab, tenant: Tenant, model: AdaptedModel, core: StepModel): Promise<Document[]> {
  const { members, ratio } = await membersOf(lab, tenant, model);
  const read: Document[] = [];
  for (const ids of await longDocuments(lab, tenant, model.tokenizer.encode.bind(model.tokenizer))) {
    lab.progress(`tenants: ${tenant}, document ${read.length + 1} of ${documents}`);
    read.push(await readDocument(ids, core, members, ratio));
  }
  for (const member of members.values()) await member.release();
  return read;
}

/** Each kind of tenant by its setting's name, and the ratio of the tenant's tokens' frequency to the core's, a logarithm. */
async function membersOf(
  lab: Lab,
  tenant: Tenant,
  core: AdaptedModel,
): Promise<{ members: Map<string, Member>; ratio: Float32Array }> {
  const runtime = { threads: lab.options.threads ?? 1 };
  const { endOfText, vocabulary } = core.config;
  const directory = join(shippedModels, tenant);
  const config = await parseConfigFile(directory, parseNgramConfig);
  const ngrams = await NgramModel.load(join(directory, ngramFile));
  const beside = (reader?: BaseReader) =>
    NgramDenoiser.create(tenant, config, ngrams, { runtime, ...(reader ? { reader } : {}) });
  const counts = await beside();
  // Where nothing is drafted its logits are the frequencies of its tokens.
  const prior = (await logits(counts, [endOfText], null, vocabulary)).subarray(vocabulary, 2 * vocabulary);
  const corePrior = core.adapter.get('prior')?.data as Float32Array;
  const members = new Map<string, Member>([
    ['network', await trainNetwork(lab, tenant, core)],
    ['counts', memberOf(counts)],
    ['reading', memberOf(await beside(await BaseReader.create(core.base.network, config, runtime)))],
  ]);
  for (const [name, recipe] of recipesOf(tenant)) {
    const tuned = await tunedTenant(lab, recipe, tenant);
    const reader = await BaseReader.create(tuned.network, tuned.config, runtime);
    members.set(name, readerMember(reader));
    members.set(`${name} + counts`, memberOf(await beside(reader)));
  }
  return { members, ratio: prior.map((value, v) => value - corePrior[v]) };
}

function memberOf(model: StepModel): Member {
  return {
    read: (before, next) => logits(model, before, next, model.config.vocabulary),
    release: () => model.release(),
  };
}

function readerMember(reader: BaseReader): Member {
  return {
    read: (before, next) => reader.logits(nextTokenLane(before, next), ''),
    // It is released with the counts that it reads beside.
    release: async () => {},
  };
}

/** A tenant of the kind that the others are set against: a network of the core's tokens, on the tenant's text alone. */
async function trainNetwork(lab: Lab, domain: Tenant, core: AdaptedModel): Promise<Member> {
  const { vocabulary, endOfText } = core.config;
  const json = await readFile(join(shippedModels, core.base.name, baseFiles.tokenizer), 'utf8');
  const trained = await lab.train({
    model: autoregressive({ ...baseModel, layers: networkLayers, vocabulary, endOfText }),
    ...{
      domain,
      seed: lab.seeds[0],
      steps: lab.steps,
      vocabulary: { json, tokenizer: core.tokenizer },
    },
  });
  if (!isAutoregressive(trained.model)) throw new TypeError('not an autoregressive model');
  const network = new NextToken(trained.model, { threads: lab.options.threads ?? 1 });
  return {
    read: async (before, next) =>
      (await network.allLogProbabilities([...before, ...next])).subarray((before.length - 1) * vocabulary),
    release: () => network.release(),
  };
}

async function longDocuments(lab: Lab, name: string, encode: (text: string) => Promise<number[]>): Promise<number[][]> {
  const all: number[][] = [];
  const length = privateTokens + promptTokens + predictedTokens;
  for await (const text of readTexts(await dataFiles(join(lab.options.corpora, 'tenants', `${name}.valid.jsonl.gz`)))) {
    const ids = await encode(text.slice(0, 8 * length));
    if (ids.length >= length) all.push(ids.slice(0, length));
  }
  const every = Math.max(1, all.length / documents);
  return Array.from({ length: Math.min(documents, all.length) }, (_, i) => all[Math.floor(i * every)]);
}

async function readDocument(
  ids: readonly number[],
  core: StepModel,
  members: ReadonlyMap<string, Member>,
  ratio: Float32Array,
): Promise<Document> {
  const { block, vocabulary } = core.config;
  const own = ids.slice(0, privateTokens);
  const shared = ids.slice(privateTokens);
  const asked = settings.filter((setting) => setting === 'ratio' || members.has(memberName(setting)));
  const nats = Object.fromEntries(asked.map((setting) => [setting, tenths.map(() => 0)]));
  const row = (all: Float32Array, i: number) => all.subarray(i * vocabulary, (i + 1) * vocabulary);
  for (let start = promptTokens; start < shared.length; start += block) {
    const before = shared.slice(0, start);
    const next = shared.slice(start, start + block);
    const general = await logits(core, before, next, vocabulary);
    for (const setting of asked) {
      const member = members.get(memberName(setting));
      const said = await member?.read(isPrivate(setting) ? [...own, ...before] : before, next);
      next.forEach((token, i) => {
        const own = row(general, i);
        const other = said ? row(said, i) : ratio;
        const costs = costsByTenths(own, said ? (v) => other[v] - own[v] : (v) => other[v], token);
        costs.forEach((cost, at) => {
          nats[setting][at] += cost;
        });
      });
    }
  }
  return { nats, tokens: shared.length - promptTokens };
}
