import type { Template } from './template.ts';

interface Exporting extends Template {
  readonly Outputs?: Readonly<
    Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: unknown } }>
  >;
}

/**
 * Stacks that stand together as one template: what one imports from another is put in its place.
 *
 * @throws Error for resources or outputs of one name, and imports that no stack exports
 */
export function mergeTemplates(templates: readonly Exporting[]): Template {
  const outputs = templates.flatMap(({ Outputs = {} }) => Object.entries(Outputs));
  const exported = new Map(
    outputs.flatMap(([, { Value, Export }]) => (Export ? [[String(Export.Name), Value] as const] : [])),
  );
  const parts = templates.map(({ Resources }) => Resources);
  return {
    Resources: inline(disjoint(parts), exported) as Template['Resources'],
    Outputs: inline(
      disjoint(outputs.filter(([, { Export }]) => !Export).map(([name, output]) => ({ [name]: output }))),
      exported,
    ) as NonNullable<Template['Outputs']>,
  };
}

function disjoint<T>(records: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  const all: Record<string, T> = {};
  for (const [name, value] of records.flatMap((record) => Object.entries(record))) {
    if (Object.hasOwn(all, name)) throw new Error(`two stacks have a ${name}`);
    all[name] = value;
  }
  return all;
}

function inline(value: unknown, exported: ReadonlyMap<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((each) => inline(each, exported));
  if (typeof value !== 'object' || value === null) return value;
  const { 'Fn::ImportValue': name } = value as Record<string, unknown>;
  if (name === undefined) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inline(each, exported)]));
  }
  if (!exported.has(String(name))) throw new Error(`no stack exports ${name}`);
  return exported.get(String(name));
}
