import type { ServedConfig } from '../../models/checkpoint/served-model.ts';
import type { Decoding, Member } from '../../models/ssd2/decoding.ts';
import type { Form } from '../../models/ssd2/form.ts';
import { type Generation, startLane } from '../../models/ssd2/generation.ts';
import { formOf } from '../../models/ssd2/quality.ts';
import { validateRouting } from '../../models/ssd2/routing.ts';
import type { ChatTemplate } from '../../models/tokenizer/chat-template.ts';
import { instructionPrompt } from '../../models/tokenizer/instruction-template.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { Catalog } from '../contracts/catalog.ts';
import type { CompleteRequest } from '../contracts/request.ts';
import { InvalidRequest } from '../shared/errors.ts';

/** What prepare needs to know of the models. */
export interface Deployment {
  readonly config: Pick<ServedConfig, 'kind' | 'vocabulary' | 'block' | 'positions' | 'endOfText'>;
  readonly tokenizer: Tokenizer;
  /** How the core's base was taught to be asked. */
  readonly chat?: ChatTemplate;
  readonly catalog: Catalog;
  /** Entries a position that a logits envelope keeps. */
  readonly kept: number;
}

/** A generation before its first step, in token ids. */
export interface Prepared {
  readonly generation: Generation;
  /** What all members see, by lane. */
  readonly prompts: readonly (readonly number[])[];
  /** What a member alone sees before that, by member and lane. */
  readonly contexts: readonly (readonly (readonly number[] | null)[])[];
}

/** A tenant's weight where none is asked for. */
const defaultWeight = 0.2;

/**
 * Turns a request into a generation: tokens, members and their coefficients.
 *
 * @throws InvalidRequest saying what is wrong with the request and what would be right
 */
export async function prepare(request: CompleteRequest, deployment: Deployment): Promise<Prepared> {
  const { config, tokenizer, kept } = deployment;
  const members = ensembleMembers(request, deployment.catalog);
  for (const { routes } of members) validateRouting(routes);
  const { template } = deployment.catalog.cores[request.core];
  const asked = template === 'instruction';
  const prompt = await promptIds(request.prompt, asked, deployment);
  const context = request.context ? await tokenizer.encode(`${request.context.trimEnd()}\n\n`) : [];
  checkLength(context.length, prompt.length, request.tokens, config);
  const form = formFor(request, config);
  const decoding: Decoding = {
    members,
    steps: request.steps,
    block: config.block,
    vocabulary: config.vocabulary,
    projection: request.projection,
    topP: request.topP,
    halting: { stopAt: request.stopAt, patience: request.patience, entropy: request.haltEntropy },
    selfConditioning: form ? 'none' : request.selfConditioning,
    kept: Math.min(kept, config.vocabulary),
    ...(form ? { form } : {}),
  };
  const own = (name: string) => (name.startsWith(`${tenantRole}:`) && context.length > 0 ? context : null);
  return {
    generation: {
      decoding,
      tokens: request.tokens,
      // An answer ends as the base's turns do.
      endOfText: (asked && deployment.chat ? tokenizer.endOfTurn : undefined) ?? config.endOfText,
      block: 0,
      step: 0,
      lanes: [startLane(request.seed)],
    },
    prompts: [prompt],
    contexts: members.map(({ name }) => [own(name)]),
  };
}

async function promptIds(text: string, asked: boolean, { tokenizer, chat }: Deployment): Promise<readonly number[]> {
  if (!asked) return tokenizer.encode(text);
  return chat ? chat.encode([{ role: 'user', content: text }]) : tokenizer.encode(instructionPrompt(text));
}

const formFields = ['temperature', 'sharpen', 'denoiser', 'draft', 'evidence'] as const;

function formFor(request: CompleteRequest, { kind }: Pick<ServedConfig, 'kind'>): Form | undefined {
  const quality = request.quality ?? (kind === 'adapter' ? 'default' : 'published');
  if (quality !== 'published' && kind !== 'adapter') {
    throw new InvalidRequest(`quality: this core has no next-token logits, so it decodes as published, not ${quality}`);
  }
  const given = formFields.filter((field) => request[field] !== undefined);
  if (quality === 'published' && given.length > 0) {
    throw new InvalidRequest(`${given[0]}: belongs to the other qualities, not to published`);
  }
  return formOf(quality, Object.fromEntries(given.map((field) => [field, request[field]])));
}

const tenantRole = 'tenant';

/**
 * The members of merged = (1 - w) core + w ((1 + a) tenant(context + prompt) - a tenant(prompt)), by the design's
 * ensemble; those of coefficient 0 are left out.
 */
function ensembleMembers(request: CompleteRequest, catalog: Catalog): Member[] {
  const { tenant, weight, contrast, context } = request;
  const core = named('core', request.core, mapRoutes(catalog));
  if (tenant === undefined) {
    const given = Object.entries({ weight, contrast, context }).find(([, value]) => value !== undefined);
    if (given) throw new InvalidRequest(`${given[0]}: needs a tenant`);
    return [{ name: 'core', coefficient: 1, routes: core }];
  }
  const routes = named('tenant', tenant, catalog.tenants);
  if (contrast && !context) throw new InvalidRequest('contrast: needs a context to set off against the prompt alone');
  const share = weight ?? defaultWeight;
  const alpha = contrast ?? 0;
  return [
    { name: 'core', coefficient: 1 - share, routes: core },
    { name: `${tenantRole}:${tenant}`, coefficient: share * (1 + alpha), routes },
    { name: `prompt-only:${tenant}`, coefficient: -share * alpha, routes },
  ].filter(({ coefficient }) => coefficient !== 0);
}

function mapRoutes({ cores }: Catalog): Catalog['tenants'] {
  return Object.fromEntries(Object.entries(cores).map(([name, { routes }]) => [name, routes]));
}

function named(role: 'core' | 'tenant', name: string, tables: Catalog['tenants']): Catalog['tenants'][string] {
  if (Object.hasOwn(tables, name)) return tables[name];
  // Who else is served is no caller's business.
  throw new InvalidRequest(`${role}: there is no ${JSON.stringify(name)}`);
}

function checkLength(
  context: number,
  prompt: number,
  tokens: number,
  { positions, block }: Deployment['config'],
): void {
  const given = context + prompt;
  const room = Math.floor((positions - given) / block) * block;
  if (tokens <= room) return;
  const what = context > 0 ? 'context and prompt together are' : 'prompt: is';
  if (room >= block) {
    throw new InvalidRequest(
      `tokens: ${tokens} are too many beside ${given} of ${context > 0 ? 'context and prompt' : 'the prompt'}; at most ${room}`,
    );
  }
  throw new InvalidRequest(`${what} ${given} tokens long; the model takes at most ${positions - block} beside a block`);
}
