import fc from 'fast-check';

/** As much of JSON Schema as the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema | boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

/** A share of parts that are not as their schema says. */
const wrong = 0.06;
const longestText = 60;

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    '\0',
    '\ud800',
    -1,
    0,
    1e308,
    2 ** 53,
    1.5,
    [],
    {},
    { __proto__: null },
    true,
  ),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

/** Values as a schema says, but for some parts now and then. */
export function arbitraryOf(
  schema: Schema | boolean,
  components: Readonly<Record<string, Schema>>,
): fc.Arbitrary<unknown> {
  if (typeof schema === 'boolean') return odd;
  const right = rightFor(schema, components);
  return fc.oneof({ weight: Math.round(1 / wrong), arbitrary: right }, { weight: 1, arbitrary: odd });
}

function rightFor(schema: Schema, components: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const of = (part: Schema | boolean) => arbitraryOf(part, components);
  if (schema.$ref) return rightFor(components[schema.$ref.split('/').at(-1) as string], components);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(of));
  const { minimum, maximum, exclusiveMinimum } = schema;
  switch (schema.type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: Math.max(minimum ?? -1000, -(2 ** 31)), max: Math.min(maximum ?? 1000, 2 ** 31 - 1) });
    case 'number':
      return fc.double({ min: minimum ?? exclusiveMinimum ?? -10, max: maximum ?? 10, noNaN: true });
    case 'array':
      return fc.array(of(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 4, 4) });
    case 'object': {
      const parts = Object.entries(schema.properties ?? {}).map(([name, part]) => [name, of(part)] as const);
      const required = (schema.required ?? []).filter((name) => parts.some(([known]) => known === name));
      return fc.record(Object.fromEntries(parts), { requiredKeys: required } as never);
    }
    default:
      return fc.string({ unit: 'grapheme', minLength: schema.minLength ?? 0, maxLength: longestText });
  }
}
