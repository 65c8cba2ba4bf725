import { randomInt } from 'node:crypto';
import type { SlingshotOptions } from '../contracts/api/fields.ts';
import { ApiError } from '../contracts/problem.ts';
import type { Prompt, ServiceRequest } from '../contracts/request.ts';
import type { Stored } from '../contracts/stored.ts';
import { setting } from '../shared/environment.ts';
import type { ChosenModel } from './models.ts';

/** What all routes that generate take, by the names that callers know. */
export interface Asked {
  readonly model: string;
  readonly prompts: readonly Prompt[];
  readonly n?: number | undefined;
  readonly seed?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly tokens?: number | undefined;
  /** Whether somebody will look at steps, or needs to know of each token. */
  readonly watched: boolean;
  readonly detailed: boolean;
  readonly slingshot: SlingshotOptions;
  /** The text after a gap that is to be filled. */
  readonly suffix?: string | undefined;
}

const largestSeed = 2 ** 48 - 1;

/**
 * A request as Prepare takes it: a lane a text, prompt by prompt, with seeds that follow each other.
 *
 * @throws ApiError when it is for more texts than one request may have, or for seeds that are no exact numbers
 */
export function serviceRequest(asked: Asked, { core, tenantModel }: ChosenModel, context?: Stored): ServiceRequest {
  const { prompts, n = 1, temperature, top_p: topP, slingshot } = asked;
  const most = setting('SLINGSHOT_MOST_LANES');
  if (prompts.length * n > most) {
    const param = n > 1 ? 'n' : 'prompt';
    const wanted = `${prompts.length} prompts of ${n} texts each`;
    throw new ApiError('invalid_request', `${param}: ${wanted} are too many; one request has at most ${most} texts`, {
      param,
    });
  }
  const seed = asked.seed ?? randomInt(largestSeed);
  const texts = prompts.flatMap((prompt) => Array.from({ length: n }, () => prompt));
  if (seed > Number.MAX_SAFE_INTEGER - texts.length + 1) {
    throw new ApiError('invalid_request', `seed: must leave room for ${texts.length} seeds below 2^53`, {
      param: 'seed',
    });
  }
  const { weight, contrast, degradation, tenantBlocks, steps, quality, selfConditioning, visit, halting } = slingshot;
  return defined({
    lanes: texts.map((prompt, index) => ({ prompt, seed: seed + index })),
    ...{ core, tenant: tenantModel, weight, contrast, context, quality, steps, selfConditioning, visit, topP },
    ...{ degradation, tenantBlocks },
    ...{ tokens: asked.tokens, stop: asked.stop, suffix: asked.suffix },
    ...{ stopAt: halting?.stopAt, patience: halting?.patience, haltEntropy: halting?.entropy },
    ...(temperature === 0 ? { projection: 'greedy' as const } : { temperature }),
    // Of candidates nothing is shown before one is chosen.
    ...{ watched: asked.watched && asked.suffix === undefined, detailed: asked.detailed },
  });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
