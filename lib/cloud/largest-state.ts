import { limits } from '../../functions/contracts/api/fields.ts';
import type { ModelAnswer, State } from '../../functions/contracts/generation.ts';
import { mostCandidates } from '../../functions/contracts/request.ts';
import type { BytesMessage } from '../../functions/contracts/stored.ts';
import { mostTimesteps } from '../../models/ssd2/form.ts';
import { hottest } from '../../models/ssd2/projection.ts';
import type { Fleet } from '../fleet.ts';

/** Step Functions' limit on every input, output and result, in bytes. */
export const stateLimitBytes = 262_144;

/** Core, tenant, and the tenant's model on the prompt alone. */
const mostMembers = 3;
/** An execution's name and what the CDK and people call things are shorter. */
const longName = 'n'.repeat(128);
const longNumber = -Number.MAX_VALUE;
const sha256 = 'f'.repeat(64);
/** A key is a prefix, a name of a tenant that may be escaped in it, and a digest. */
const stored = { key: 'k'.repeat(512), sha256 };

/** What a state's size depends on besides its fleet. */
interface Lanes {
  readonly lanes: number;
  /** Whether they are candidates for one text: these share a prompt, and all that they commit is as long as one text may be. */
  readonly candidates: boolean;
}

/**
 * A state in which everything is as long as the schemas let it be, but for the bytes of envelopes. Several lanes that are
 * no candidates are the service's, which does not project to many tokens.
 */
function largestState(
  { catalog, shape: { block, vocabulary, positions } }: Pick<Fleet, 'catalog' | 'shape'>,
  { lanes, candidates }: Lanes,
  envelopes: BytesMessage,
): State & { readonly step: { readonly answers: readonly ModelAnswer[] } } {
  const largestId = vocabulary - 1;
  const ids = (count: number) => new Array<number>(count).fill(largestId);
  const each = <T>(count: number, value: T) => new Array<T>(count).fill(value);
  const tables = [...Object.values(catalog.cores).map((core) => core.routes), ...Object.values(catalog.tenants)];
  const routes = longestOf(tables);
  const endpoint = longestOf(tables.flat().map((route) => route.endpoint));
  const count = 2 ** 31 - 1;
  const indices = each(lanes, count);
  const milliseconds = {
    context: longNumber,
    noise: longNumber,
    model: longNumber,
    compress: longNumber,
    transport: longNumber,
  };
  return {
    tenant: longName,
    run: {
      ...{ contract: 2, id: longName, tenant: longName, visit: count, watched: false, detailed: false, recorded: true },
      stop: each(limits.stops + 1, '\0'.repeat(limits.stopLength)),
    },
    ...{ retries: { timedOut: count, redrives: count, waking: count }, pause: count },
    chunk: { chunk: count, group: count, groups: count, stops: false },
    // Prompt and text share the positions: whichever has them, they are as long.
    prompts: each(candidates ? 1 : lanes, ids(positions)),
    // Of the members, and of the core that goes on without them.
    contexts: each(mostMembers + 1, each(candidates ? 1 : lanes, { ...stored, tokens: count })),
    step: {
      generation: {
        decoding: {
          members: each(mostMembers, { name: longName, coefficient: longNumber, routes }),
          fallback: { members: [{ name: 'core', coefficient: 1, routes }], from: count, atLoss: false },
          ...{ steps: count, block, vocabulary, projection: 'multi-hot', topP: longNumber, kept: count },
          form: {
            ...{ timesteps: each(mostTimesteps, longNumber), wave: false, denoiser: longNumber, draft: longNumber },
            ...{ evidence: longNumber, sharpen: longNumber, temperature: longNumber },
          },
          halting: { stopAt: longNumber, patience: count, entropy: longNumber },
          selfConditioning: 'fused',
        },
        ...{ tokens: count, endOfText: count, endOfTurn: count, block: count, step: count },
        ...(candidates ? { choice: { suffix: ids(block), round: count, rounds: count } } : {}),
        lanes: each(lanes, {
          ...{ seed: Number.MAX_SAFE_INTEGER, lane: count, steps: count, done: false },
          committed: candidates ? ids(Math.ceil(positions / lanes)) : [],
          ...(candidates ? { tokens: count, logProbability: longNumber } : {}),
          state: {
            ...{ tokens: each(block, ids(lanes === 1 ? hottest : 1)), argmax: ids(block) },
            ...{ unchanged: count, settled: count, done: false },
            ...(candidates ? { logProbability: longNumber } : {}),
          },
        }),
      },
      calls: each(mostMembers, { member: longName, endpoint, lanes: indices, context: count, previous: count }),
      previous: each(mostMembers, { lanes: indices, envelopes }),
      turn: 'continue',
      ledger: {
        spent: Object.fromEntries(
          each(mostMembers, longName).map((name, i) => [name + i, { steps: count, milliseconds: longNumber }]),
        ),
        checkedAt: longNumber,
        degraded: { without: each(mostMembers - 1, longName), block: count, error: longName },
      },
      answers: each(mostMembers, { member: longName, endpoint, answer: { lanes: indices, envelopes }, milliseconds }),
    },
  };
}

function longestOf<T>(values: readonly T[]): T {
  return values.toSorted((a, b) => JSON.stringify(b).length - JSON.stringify(a).length)[0];
}

/**
 * How long envelopes may be, in base64, that travel in the state, so that the largest request which the schemas allow
 * stays within Step Functions' limit in every state; what is longer goes through the bucket.
 *
 * @throws Error when the rest of the state alone is too large
 */
export function inlineBytes(fleet: Pick<Fleet, 'catalog' | 'shape'>, lanes = 1): number {
  return Math.min(
    inlineBytesOf(fleet, { lanes, candidates: false }),
    inlineBytesOf(fleet, { lanes: mostCandidates, candidates: true }),
  );
}

function inlineBytesOf(fleet: Pick<Fleet, 'catalog' | 'shape'>, lanes: Lanes): number {
  // Between Map and Reduce: self-conditioning and answers of all members.
  const whole = JSON.stringify(largestState(fleet, lanes, { inline: '' })).length;
  const inline = Math.floor((stateLimitBytes - whole) / (2 * mostMembers));
  // A block's execution answers with its input and its output, both as text in text. A block that goes on in another
  // takes its envelopes along by reference.
  const between = lengthBetween(fleet, lanes);
  if (inline < JSON.stringify(stored).length || 2 * between > stateLimitBytes) {
    throw new Error(
      `${fleet.shape.positions} positions of ${lanes.lanes} lanes are too many: the state without its envelopes may have ` +
        `${Math.max(whole, 2 * between)} bytes, Step Functions lets ${stateLimitBytes} pass`,
    );
  }
  return inline;
}

/** Of a state as text in text, in which a block's execution takes and gives it. */
function lengthBetween(fleet: Pick<Fleet, 'catalog' | 'shape'>, lanes: Lanes): number {
  return JSON.stringify(JSON.stringify(largestState(fleet, lanes, stored))).length;
}

/**
 * How many texts one generation may make side by side, its envelopes all in the bucket where it is more than one.
 *
 * @param most as many as anybody may ask for
 */
export function mostLanes(fleet: Pick<Fleet, 'catalog' | 'shape'>, most: number = limits.choices): number {
  let lanes = most;
  while (lanes > 1 && 2 * lengthBetween(fleet, { lanes, candidates: false }) > stateLimitBytes) lanes--;
  return lanes;
}
