import type { Resolve } from '../references.ts';

/** One statement of a policy, its references resolved; variables of the policy stay. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly Condition[];
}

interface Condition {
  readonly operator: Operator;
  readonly key: string;
  readonly values: readonly string[];
}

const operators = [
  'StringEquals',
  'StringLike',
  'ForAllValues:StringEquals',
  'ForAllValues:StringLike',
  'Null',
] as const;
type Operator = (typeof operators)[number];

/** What a request tells conditions and variables, by key. */
export type RequestContext = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Reads the statements of a policy document in a template.
 *
 * @throws Error for what isAllowed does not understand: an answer that might differ from IAM's is none
 */
export function readStatements(document: unknown, resolve: Resolve, where: string): Statement[] {
  const list = (value: unknown) =>
    (Array.isArray(value) ? value : [value]).map((one) => (typeof one === 'boolean' ? String(one) : resolve(one)));
  const { Statement } = document as { Statement: readonly Record<string, unknown>[] };
  return Statement.map(({ Effect, Action, Resource, Condition = {}, Sid, ...rest }) => {
    const [unknown] = Object.keys(rest);
    if (unknown) throw new Error(`${where}: the local cloud does not know ${unknown} in a policy's statement`);
    const conditions = Object.entries(Condition as Record<string, Record<string, unknown>>).flatMap(
      ([operator, keys]) => {
        if (!operators.includes(operator as Operator)) {
          throw new Error(`${where}: the local cloud does not know the condition ${operator}`);
        }
        return Object.entries(keys).map(([key, values]) => {
          return { operator: operator as Operator, key, values: list(values) };
        });
      },
    );
    return { effect: Effect as Statement['effect'], actions: list(Action), resources: list(Resource), conditions };
  });
}

/** Whether statements allow an action, as IAM decides: by none that denies, and one that allows. */
export function isAllowed(
  statements: readonly Statement[],
  { action, resource, context }: { action: string; resource: string; context: RequestContext },
): boolean {
  const effects = statements
    .filter(
      ({ actions, resources, conditions }) =>
        actions.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
        resources.some((pattern) => likeWith(pattern, resource, context)) &&
        conditions.every((condition) => holds(condition, context)),
    )
    .map(({ effect }) => effect);
  return effects.includes('Allow') && !effects.includes('Deny');
}

function holds({ operator, key, values }: Condition, context: RequestContext): boolean {
  const given = context[key];
  switch (operator) {
    case 'Null':
      return values.includes(String(given === undefined));
    case 'StringEquals':
      return typeof given === 'string' && values.some((value) => equals(value, given, context));
    case 'StringLike':
      return typeof given === 'string' && values.some((value) => likeWith(value, given, context));
    // Of no value, as of a request that has none, everything holds.
    case 'ForAllValues:StringEquals':
      return several(given).every((one) => values.some((value) => equals(value, one, context)));
    case 'ForAllValues:StringLike':
      return several(given).every((one) => values.some((value) => likeWith(value, one, context)));
  }
}

function several(given: RequestContext[string]): readonly string[] {
  if (given === undefined) return [];
  return typeof given === 'string' ? [given] : given;
}

/** Variables are replaced, but a wildcard in what replaces them is an ordinary letter. */
function equals(pattern: string, text: string, context: RequestContext): boolean {
  const parts = partsOf(pattern, context);
  return parts?.map(({ text }) => text).join('') === text;
}

function likeWith(pattern: string, text: string, context: RequestContext): boolean {
  const parts = partsOf(pattern, context);
  if (!parts) return false;
  const source = parts.map(({ text, literal }) => (literal ? literally(text) : wild(text))).join('');
  return new RegExp(`^${source}$`, 's').test(text);
}

function like(pattern: string, text: string): boolean {
  return new RegExp(`^${wild(pattern)}$`, 's').test(text);
}

interface Part {
  readonly text: string;
  readonly literal: boolean;
}

/** Undefined when a variable has no value: then nothing matches. */
function partsOf(pattern: string, context: RequestContext): Part[] | undefined {
  const parts: Part[] = [];
  for (const part of pattern.split(/(\$\{[^}]*\})/)) {
    const variable = /^\$\{(.*)\}$/.exec(part)?.[1];
    if (variable === undefined) parts.push({ text: part, literal: false });
    else {
      const value = context[variable];
      if (typeof value !== 'string') return undefined;
      parts.push({ text: value, literal: true });
    }
  }
  return parts;
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function wild(text: string): string {
  return literally(text).replaceAll('\\*', '.*').replaceAll('\\?', '.');
}
