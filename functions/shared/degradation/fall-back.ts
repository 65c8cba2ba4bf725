import { membersAt } from '../../../models/ssd2/decoding.ts';
import { fallenBack, type Generation } from '../../../models/ssd2/generation.ts';
import { endpointName } from '../../../models/ssd2/routing.ts';
import type { Degraded } from '../../contracts/generation.ts';

/** An endpoint that did not answer, after all tries. */
export interface Loss {
  /** As endpointName has it. */
  readonly endpoint: string;
  /** The error's name. */
  readonly error: string;
}

/** A generation that goes on without some of its members, and what is to be told of that. */
export interface FallenBack {
  readonly generation: Generation;
  readonly degraded: Degraded;
}

/** Errors by which a model does not answer. Each says first at which endpoint (functions/invoke-model). */
const lossNames = new Set([
  'EndpointUnavailable',
  'EndpointWaking',
  'EndpointTimeout',
  'EndpointRejected',
  'BadAnswer',
]);

/** The endpoint that an error is of, by its name and message; undefined for one that is no endpoint's. */
export function lossOf({ name, message }: { readonly name: string; readonly message: string }): Loss | undefined {
  const [, endpoint] = /^endpoint (\S+): /.exec(message) ?? [];
  return endpoint !== undefined && lossNames.has(name) ? { endpoint, error: name } : undefined;
}

/**
 * What becomes of a block in which an endpoint did not answer: it begins again, by the fallback's members.
 *
 * @returns undefined where the generation was not to go on without, where it is a member of the fallback that is lost, or
 *   no member at all
 */
export function fallBack(generation: Generation, { endpoint, error }: Loss): FallenBack | undefined {
  const { decoding, block } = generation;
  const members = membersAt(decoding, block);
  const isAt = ({ routes }: (typeof members)[number]) =>
    routes.some((route) => endpointName(route.endpoint) === endpoint);
  if (!members.some(isAt) || decoding.fallback?.members.some(isAt)) return undefined;
  const fallen = fallenBack(generation);
  if (!fallen) return undefined;
  const stay = new Set(decoding.fallback?.members.map(({ name }) => name));
  const without = members.flatMap(({ name }) => (stay.has(name) ? [] : [name]));
  return { generation: fallen, degraded: { without, block, error } };
}
