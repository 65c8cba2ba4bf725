import { InvalidArgumentError } from 'commander';
import { type GenerationRequest, requestSchema } from '../../functions/contracts/request.ts';

/** Parsers for commander's options: each names what it expects. */
function parser(expected: string, accept: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !accept(value)) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

function whole(least: number, most: number, described: string): (text: string) => number {
  return parser(described, (value) => Number.isSafeInteger(value) && value >= least && value <= most);
}

const longestTimeout = 3600;
const mostThreads = 256;

export const share = parser('a number from 0 to 1', (value) => value >= 0 && value <= 1);
export const positiveShare = parser('a number above 0, up to 1', (value) => value > 0 && value <= 1);
export const nonNegative = parser('a number of 0 or more', (value) => value >= 0 && Number.isFinite(value));
export const positive = parser('a number above 0', (value) => value > 0 && Number.isFinite(value));
export const timeout = parser(
  `a number of seconds above 0, up to ${longestTimeout}`,
  (value) => value > 0 && value <= longestTimeout,
);
export const count = whole(1, Number.MAX_SAFE_INTEGER, 'a whole number of 1 or more');
export const countOrNone = whole(0, Number.MAX_SAFE_INTEGER, 'a whole number of 0 or more');
export const threads = whole(1, mostThreads, `a whole number from 1 to ${mostThreads}`);
export const port = whole(0, 65_535, 'a port from 0, a free one, to 65535');
export const seed = whole(0, Number.MAX_SAFE_INTEGER, 'a whole number from 0 to 2^53 - 1');

/** Two whole numbers, or one for both. */
export function range(text: string): { least: number; most: number } {
  const found = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text);
  const [least, most] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (!(least >= 1 && most >= least)) throw new InvalidArgumentError('Expected a range such as 5-15, from 1 on.');
  return { least, most };
}

export function shares(text: string): number[] {
  return text.split(',').map(share);
}

/** The address of a service. */
export function address(text: string): string {
  const { protocol } = URL.parse(text) ?? {};
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new InvalidArgumentError('Expected an address that begins with http:// or https://.');
  }
  return text;
}

/**
 * A request as the API would take it, so that what it would refuse is refused before anything starts.
 *
 * @throws Error naming the option
 */
export function checkedRequest(request: GenerationRequest): GenerationRequest {
  const parsed = requestSchema.safeParse(request);
  if (parsed.success) return request;
  const [{ path, message }] = parsed.error.issues;
  const option = String(path[0]).replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new Error(`--${option}: ${message}`);
}
