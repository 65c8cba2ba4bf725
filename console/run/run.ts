/** A token with its log-probability in nats. */
export interface Likely {
  readonly token: string;
  readonly logprob: number;
}

/** Who said what of one position of a step. */
export interface Position {
  /** Of the position's token, merged. */
  readonly logprob: number;
  /** The member that moved the position from the core's likeliest token. */
  readonly mover: string;
  /** The likeliest tokens, likeliest first. */
  readonly merged: readonly Likely[];
  /** By member. */
  readonly members: Readonly<Record<string, readonly Likely[]>>;
}

/** One denoise step of a text. */
export interface Frame {
  readonly block: number;
  readonly step: number;
  readonly t: number;
  /** The likeliest token of each position. */
  readonly tokens: readonly string[];
  /** Positions whose token is another than a step before. */
  readonly changed: readonly number[];
  /** Positions from the left whose tokens stay. */
  readonly settled: number;
  /** Whether the block ends with this step. */
  readonly done: boolean;
  /** Of the tokens. */
  readonly probabilities: readonly number[];
  /** Mean nats a position. */
  readonly entropy: number;
  /** Which model answered, by member. */
  readonly routes: Readonly<Record<string, string>>;
  /** Milliseconds by part (`model`, `transport`, ...), by member and for `reduce`. */
  readonly milliseconds: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Milliseconds since the text was asked for. */
  readonly at: number;
  readonly positions?: readonly Position[];
}

/** What a finished block adds to the text. */
export interface Commit {
  readonly block: number;
  readonly text: string;
  readonly tokens: number;
}

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'cancelled';

/** One text, as far as it has come. */
export interface Run {
  readonly model: string;
  readonly prompt: string;
  readonly seed: number;
  readonly status: RunStatus;
  readonly frames: readonly Frame[];
  readonly commits: readonly Commit[];
  /** Whether the tenant's model was given a document. */
  readonly private: boolean;
  readonly error: string | null;
  /** The first block that is the core's alone, since the tenant's model did not answer. */
  readonly coreFrom?: number;
}

export function newRun(given: Pick<Run, 'model' | 'prompt' | 'seed'> & { readonly private?: boolean }): Run {
  return { private: false, ...given, status: 'running', frames: [], commits: [], error: null };
}

/** The committed text. */
export function textOf({ commits }: Run): string {
  return commits.map(({ text }) => text).join('');
}

/** How many of a block's tokens belong to the text: all that are known of, until the block is committed. */
export function keptTokens({ commits }: Run, block: number): number {
  return commits.find((commit) => commit.block === block)?.tokens ?? Number.POSITIVE_INFINITY;
}

/** What kind of member a name is of: hue and line go by it. */
export type Kind = 'core' | 'specialist' | 'tenant' | 'draft';

/**
 * @param route the model that answered for the member: a core's that is not named for a core is a specialist
 * @param model the run's
 */
export function kindOf(member: string, route: string | undefined, model: string): Kind {
  if (member.startsWith('tenant:') || member.startsWith('prompt-only:')) return 'tenant';
  if (member !== 'core') return 'draft';
  const answered = route?.split('/').at(-1) ?? 'core';
  return answered.endsWith('core') || answered.endsWith(model.split('+')[0]) ? 'core' : 'specialist';
}

/** A member's name for a reader. */
export function nameOf(member: string): string {
  if (member.startsWith('tenant:')) return member.slice('tenant:'.length);
  if (member.startsWith('prompt-only:')) return `${member.slice('prompt-only:'.length)} without the document`;
  return member;
}

/** How many times likelier the document must have made a token. */
const cameOfDocument = Math.log(4);

/**
 * Whether a token came of the private document: the tenant's model, which moved it, holds it at least four times likelier
 * with the document than without. Known only where the model was asked without it, too.
 */
export function isOfDocument(token: string, { mover, members }: Position): boolean {
  if (!mover.startsWith('tenant:')) return false;
  const without = members[`prompt-only:${mover.slice('tenant:'.length)}`];
  if (!without || without.length === 0) return false;
  const given = members[mover].find((likely) => likely.token === token);
  if (!given) return false;
  // One that is not among the likeliest is no likelier than the last of them.
  const bare = without.find((likely) => likely.token === token) ?? without[without.length - 1];
  return given.logprob - bare.logprob >= cameOfDocument;
}
