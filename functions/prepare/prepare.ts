import type { ServedConfig } from '../../models/checkpoint/served-model.ts';
import type { Choice } from '../../models/ssd2/choice.ts';
import type { Decoding, Member } from '../../models/ssd2/decoding.ts';
import type { Form } from '../../models/ssd2/form.ts';
import type { Generation } from '../../models/ssd2/generation.ts';
import { startCandidates, startLane } from '../../models/ssd2/lane.ts';
import { formOf } from '../../models/ssd2/quality.ts';
import { validateRouting } from '../../models/ssd2/routing.ts';
import type { ChatMessage, ChatTemplate } from '../../models/tokenizer/chat-template.ts';
import { instructionPrompt } from '../../models/tokenizer/instruction-template.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { Catalog, Template } from '../contracts/catalog.ts';
import {
  type CompleteRequest,
  type CompleteServiceRequest,
  candidateTokens,
  defaultWeight,
  type Prompt,
  usualGap,
} from '../contracts/request.ts';
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

/** A request of either kind, its private context as text. */
export type Wanted = Omit<CompleteServiceRequest, 'context' | 'watched' | 'detailed'> & {
  readonly context?: string | undefined;
};

/** A request for one text. */
export function oneLane({ prompt, seed, ...request }: CompleteRequest): Wanted {
  return { ...request, lanes: [{ prompt, seed }], stop: [] };
}

/** A generation before its first step, in token ids. */
export interface Prepared {
  readonly generation: Generation;
  /** Texts before which a lane's text ends. */
  readonly stop: readonly string[];
  /** What all members see, by lane; of candidates the one that they share. */
  readonly prompts: readonly (readonly number[])[];
  /** What a member alone sees before that, by member, those of the fallback last, and, as prompts are, by lane. */
  readonly contexts: readonly (readonly (readonly number[] | null)[])[];
}

/** As many tokens as there is room for, up to these, where no number is asked for. */
export const defaultTokens = 256;

/**
 * Turns a request into a generation: tokens, members and their coefficients.
 *
 * @throws InvalidRequest saying what is wrong with the request and what would be right
 */
export async function prepare(request: Wanted, deployment: Deployment): Promise<Prepared> {
  const { config, tokenizer, kept } = deployment;
  const members = ensembleMembers(request, deployment.catalog);
  for (const { routes } of members) validateRouting(routes);
  const fallback = fallbackOf(request, deployment.catalog);
  const { template } = deployment.catalog.cores[request.core];
  const { lanes } = request;
  const form = formOfPrompts(lanes, template, deployment);
  const prompts = await Promise.all(lanes.map(({ prompt }) => promptIds(prompt, form, deployment)));
  const context = request.context ? await contextIds(request.context, tokenizer) : [];
  const decodingForm = formFor(request, config);
  const suffix =
    request.suffix === undefined ? undefined : await suffixIds(request.suffix, form, decodingForm, deployment);
  const given = { context: context.length, prompt: Math.max(...prompts.map(({ length }) => length)) };
  const scored = suffix ? config.block : 0;
  const lengths = candidateTokens(withLength(request, given, scored, config));
  const tokens = Math.max(...lengths);
  checkLength(given, tokens, scored, config);
  checkCandidates(request, lengths, decodingForm, config);
  const { temperature } = request;
  const decoding: Decoding = {
    members,
    ...(fallback ? { fallback } : {}),
    steps: request.steps,
    block: config.block,
    vocabulary: config.vocabulary,
    projection: request.projection,
    topP: request.topP,
    halting: { stopAt: request.stopAt, patience: request.patience, entropy: request.haltEntropy },
    selfConditioning: decodingForm ? 'none' : request.selfConditioning,
    kept: Math.min(kept, config.vocabulary),
    ...(decodingForm ? { form: decodingForm } : temperature === undefined ? {} : { temperature }),
  };
  const own = (name: string) => (name.startsWith(`${tenantRole}:`) && context.length > 0 ? context : null);
  return {
    generation: {
      decoding,
      tokens,
      endOfText: config.endOfText,
      ...(tokenizer.endOfTurn === undefined ? {} : { endOfTurn: tokenizer.endOfTurn }),
      block: 0,
      step: 0,
      ...(lengths.length === 1
        ? { lanes: lanes.map(({ seed }) => startLane(seed)) }
        : { lanes: startCandidates(lanes[0].seed, lengths), choice: choiceBy(suffix, config) }),
    },
    stop: form === 'transcript' ? [...request.stop, nextTurn] : request.stop,
    prompts,
    contexts: [...members, ...(fallback?.members ?? [])].map(({ name }) => lanes.map(() => own(name))),
  };
}

/** A private context in token ids, as it stands before a prompt. */
export function contextIds(text: string, tokenizer: Tokenizer): Promise<readonly number[]> {
  return tokenizer.encode(`${text.trimEnd()}\n\n`);
}

/** Positions from a gap's end whose tokens are looked at again, once all candidates are scored. */
const looks = 1;

function choiceBy(suffix: readonly number[] | undefined, { block }: Pick<ServedConfig, 'block'>): Choice {
  if (!suffix) return { round: 0, rounds: 0 };
  return { suffix: suffix.slice(0, block - 1), round: 0, rounds: Math.min(1 + looks, block - 1) };
}

/** @throws InvalidRequest where nothing could say which candidate goes with the text after it */
async function suffixIds(
  text: string,
  prompts: PromptForm,
  form: Form | undefined,
  { tokenizer, config }: Deployment,
): Promise<readonly number[]> {
  if (prompts !== 'plain') throw new InvalidRequest('suffix: needs a core that continues text; this one answers');
  if (!form) {
    const why = config.kind === 'adapter' ? 'the published quality does without' : 'this core has none';
    throw new InvalidRequest(`suffix: candidates for a gap are chosen by next-token logits, and ${why}`);
  }
  return tokenizer.encode(text);
}

/** @throws InvalidRequest for candidates that would be one, or more than a step's state holds */
function checkCandidates(
  { bestOf, projection, lanes }: Wanted,
  lengths: readonly number[],
  form: Form | undefined,
  { positions, block }: Deployment['config'],
): void {
  const count = lengths.length;
  if (count === 1) return;
  const field = bestOf === undefined ? 'suffix' : 'bestOf';
  if (lanes.length > 1) throw new InvalidRequest(`${field}: goes with one text; the request is for ${lanes.length}`);
  if (projection === 'multi-hot') {
    throw new InvalidRequest(`projection: multi-hot takes one candidate; ${field} asks for ${count}`);
  }
  if (projection === 'greedy' && form && form.evidence === 0 && form.denoiser === 0) {
    throw new InvalidRequest(`projection: greedy gives the same text ${count} times; take sample, or one candidate`);
  }
  const whole = lengths.reduce((sum, tokens) => sum + Math.ceil(tokens / block) * block, 0);
  if (whole <= positions) return;
  const most = Math.floor(positions / count / block) * block;
  throw new InvalidRequest(`tokens: ${count} candidates have at most ${most} each; ask for fewer of one or the other`);
}

/** How prompts reach the core: as they are, by its chat template, as an instruction, or as a conversation written out. */
type PromptForm = 'plain' | 'chat' | 'instruction' | 'transcript';

function formOfPrompts(lanes: Wanted['lanes'], template: Template, { chat }: Deployment): PromptForm {
  const conversation = lanes.some(({ prompt }) => typeof prompt !== 'string');
  if (!conversation && template === 'plain') return 'plain';
  if (chat) return 'chat';
  return template === 'instruction' ? 'instruction' : 'transcript';
}

async function promptIds(
  prompt: Prompt,
  form: PromptForm,
  { tokenizer, chat }: Deployment,
): Promise<readonly number[]> {
  const messages = typeof prompt === 'string' ? [{ role: 'user' as const, content: prompt }] : prompt;
  if (form === 'chat' && chat) {
    try {
      return await chat.encode(messages);
    } catch (cause) {
      throw new InvalidRequest(`messages: the core's chat template does not take them: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  if (form === 'plain') return tokenizer.encode(prompt as string);
  const text = form === 'instruction' ? instructionOf(messages) : transcriptOf(messages);
  return tokenizer.encode(text);
}

/** The last message as the instruction, and what was said before as its context. */
function instructionOf(messages: readonly ChatMessage[]): string {
  const before = messages.slice(0, -1).map(({ content }) => content);
  return instructionPrompt(messages[messages.length - 1].content, before.join('\n\n'));
}

/** For a core that was never taught to be asked: a conversation written out, for it to go on with. */
function transcriptOf(messages: readonly ChatMessage[]): string {
  return [...messages.map(({ role, content }) => `${role}:\n${content}\n`), 'assistant:\n'].join('\n');
}

const nextTurn = '\nuser:';

const formFields = ['temperature', 'sharpen', 'denoiser', 'draft', 'evidence'] as const;

function formFor(request: Wanted, { kind }: Pick<ServedConfig, 'kind'>): Form | undefined {
  const quality = request.quality ?? (kind === 'adapter' ? 'default' : 'published');
  if (quality !== 'published' && kind !== 'adapter') {
    throw new InvalidRequest(`quality: this core has no next-token logits, so it decodes as published, not ${quality}`);
  }
  const given = formFields.filter((field) => request[field] !== undefined);
  const foreign = given.find((field) => field !== 'temperature');
  if (quality === 'published' && foreign) {
    throw new InvalidRequest(`${foreign}: belongs to the other qualities, not to published`);
  }
  return formOf(quality, Object.fromEntries(given.map((field) => [field, request[field]])));
}

const tenantRole = 'tenant';

/**
 * The members of merged = (1 - w) core + w ((1 + a) tenant(context + prompt) - a tenant(prompt)), by the design's
 * ensemble; those of coefficient 0 are left out.
 */
function ensembleMembers(request: Wanted, catalog: Catalog): Member[] {
  const { tenant, weight, contrast, context } = request;
  const core = named('core', request.core, mapRoutes(catalog));
  if (tenant === undefined) {
    const { degradation, tenantBlocks } = request;
    const given = Object.entries({ weight, contrast, context, degradation, tenantBlocks }).find(
      ([, value]) => value !== undefined,
    );
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

/** The core alone: where a tenant's model is lost and the request goes on without it, and behind the blocks that it corrects. */
function fallbackOf({ core, degradation, tenantBlocks }: Wanted, catalog: Catalog): Decoding['fallback'] {
  if (degradation !== 'core' && tenantBlocks === undefined) return undefined;
  return {
    members: [{ name: 'core', coefficient: 1, routes: named('core', core, mapRoutes(catalog)) }],
    ...(tenantBlocks === undefined ? {} : { from: tenantBlocks }),
    atLoss: degradation === 'core',
  };
}

function mapRoutes({ cores }: Catalog): Catalog['tenants'] {
  return Object.fromEntries(Object.entries(cores).map(([name, { routes }]) => [name, routes]));
}

function named(role: 'core' | 'tenant', name: string, tables: Catalog['tenants']): Catalog['tenants'][string] {
  if (Object.hasOwn(tables, name)) return tables[name];
  // Who else is served is no caller's business.
  throw new InvalidRequest(`${role}: there is no ${JSON.stringify(name)}`);
}

/** What a text begins with, in tokens. */
interface Given {
  readonly context: number;
  readonly prompt: number;
}

function roomFor({ context, prompt }: Given, scored: number, { positions, block }: Deployment['config']): number {
  return Math.floor((positions - scored - context - prompt) / block) * block;
}

/** As many as there is room for, up to a default. */
/** The request with as many tokens as are usual, where it says nothing of them. */
function withLength(request: Wanted, given: Given, scored: number, config: Deployment['config']): Wanted {
  const { suffix, gap, tokens } = request;
  if (tokens !== undefined || gap !== undefined) return request;
  return suffix === undefined
    ? { ...request, tokens: usualTokens(given, scored, config) }
    : { ...request, gap: usualGap };
}

function usualTokens(given: Given, scored: number, config: Deployment['config']): number {
  return Math.min(defaultTokens, Math.max(1, roomFor(given, scored, config)));
}

/** @throws InvalidRequest when there is no room for as many */
function checkLength(given: Given, tokens: number, scored: number, config: Deployment['config']): void {
  const { positions, block } = config;
  const room = roomFor(given, scored, config);
  if (tokens <= room) return;
  const { context } = given;
  const whole = context + given.prompt;
  const what = context > 0 ? 'context and prompt together are' : 'prompt: is';
  if (room >= block) {
    throw new InvalidRequest(
      `tokens: ${tokens} are too many beside ${whole} of ${context > 0 ? 'context and prompt' : 'the prompt'}; at most ${room}`,
    );
  }
  throw new InvalidRequest(
    `${what} ${whole} tokens long; the model takes at most ${positions - scored - block} beside ${scored > 0 ? 'a gap and the text after it' : 'a block'}`,
  );
}
