import type { ModelAnswer, State } from '../../functions/contracts/generation.ts';
import type { BytesMessage } from '../../functions/contracts/stored.ts';
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

/** A state in which everything is as long as the schemas let it be, but for the bytes of envelopes. */
function largestState(
  { catalog, shape: { block, vocabulary, positions } }: Pick<Fleet, 'catalog' | 'shape'>,
  lanes: number,
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
    run: { contract: 1, id: longName, tenant: longName, visit: count, watched: false },
    retries: { timedOut: count, redrives: count },
    // Prompt and text share the positions: whichever has them, they are as long.
    prompts: each(lanes, ids(positions)),
    contexts: each(mostMembers, each(lanes, { ...stored, tokens: count })),
    step: {
      generation: {
        decoding: {
          members: each(mostMembers, { name: longName, coefficient: longNumber, routes }),
          ...{ steps: count, block, vocabulary, projection: 'multi-hot', topP: longNumber, kept: count },
          halting: { stopAt: longNumber, patience: count, entropy: longNumber },
          selfConditioning: 'fused',
        },
        ...{ tokens: count, endOfText: count, block: count, step: count },
        lanes: each(lanes, {
          ...{ seed: Number.MAX_SAFE_INTEGER, lane: count, committed: [], steps: count, done: false },
          state: { tokens: each(block, ids(hottest)), argmax: ids(block), unchanged: count, done: false },
        }),
      },
      calls: each(mostMembers, { member: longName, endpoint, lanes: indices, context: count, previous: count }),
      previous: each(mostMembers, { lanes: indices, envelopes }),
      turn: 'continue',
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
  // Between Map and Reduce: self-conditioning and answers of all members.
  const whole = JSON.stringify(largestState(fleet, lanes, { inline: '' })).length;
  const inline = Math.floor((stateLimitBytes - whole) / (2 * mostMembers));
  // A block's execution answers with its input and its output, both as text in text. A block that goes on in another
  // takes its envelopes along by reference.
  const between = JSON.stringify(JSON.stringify(largestState(fleet, lanes, stored))).length;
  if (inline < JSON.stringify(stored).length || 2 * between > stateLimitBytes) {
    throw new Error(
      `${fleet.shape.positions} positions of ${lanes} lanes are too many: the state without its envelopes may have ` +
        `${Math.max(whole, 2 * between)} bytes, Step Functions lets ${stateLimitBytes} pass`,
    );
  }
  return inline;
}
