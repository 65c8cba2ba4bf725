import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { type Settings, settingsSchema, stagesSchema } from './schema.ts';

/** A stage of a configuration: where it is deployed, and its settings with everything filled in. */
export interface Stage {
  readonly name: string;
  readonly account?: string;
  readonly region?: string;
  readonly settings: Settings;
}

export const usualConfigFile = 'slingshot.config.ts';

/**
 * Reads a configuration. Without a file of the usual name there is one stage, `dev`, in which everything is as usual.
 *
 * @throws Error naming what is wrong by its path, with its value and what is expected
 */
export async function loadConfig(file?: string): Promise<ReadonlyMap<string, Stage>> {
  const path = resolve(file ?? join(import.meta.dirname, '..', '..', usualConfigFile));
  if (file === undefined && !existsSync(path)) return stagesOf({ stages: { dev: {} } }, usualConfigFile);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (module.default === undefined) throw new Error(`${path}: has no default export; export default { stages: ... }`);
  return stagesOf(module.default, path);
}

/** @param where what the configuration is called in errors. @throws Error */
export function stagesOf(config: unknown, where: string): ReadonlyMap<string, Stage> {
  if (!isObject(config)) throw new Error(`${where}: is ${typeof config}, not an object`);
  const { stages, ...shared } = config;
  parse(settingsSchema, shared, where, []);
  const checked = parse(stagesSchema, stages, where, ['stages']);
  return new Map(
    Object.entries(checked).map(([name, { account, region, ...own }]) => {
      const settings = parse(settingsSchema, merge(shared, own), where, ['stages', name]);
      const place = { ...(account === undefined ? {} : { account }), ...(region === undefined ? {} : { region }) };
      return [name, { name, ...place, settings }];
    }),
  );
}

/** Sections of sections are merged, member by member; all else of a stage replaces what is there. */
function merge(shared: unknown, own: unknown): unknown {
  if (!isObject(shared) || !isObject(own)) return own;
  const names = new Set([...Object.keys(shared), ...Object.keys(own)]);
  return Object.fromEntries(
    [...names].map((name) => [name, Object.hasOwn(own, name) ? merge(shared[name], own[name]) : shared[name]]),
  );
}

function parse<T>(schema: z.ZodType<T>, value: unknown, where: string, above: readonly string[]): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...above, ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys') {
    const parent = path.join('.');
    const known = settingsAt(isStage(path.slice(0, 2)) ? path.slice(2) : path);
    const there = known.length === 0 ? '' : `; there are ${known.join(', ')}`;
    throw new Error(`${where}: ${[parent, issue.keys[0]].filter(Boolean).join('.')}: is no setting${there}`);
  }
  const found = issue.input === undefined || issue.code === 'custom' ? '' : ` (it is ${JSON.stringify(issue.input)})`;
  throw new Error(`${where}: ${path.join('.') || 'the configuration'}: ${issue.message}${found}`);
}

interface Described {
  readonly properties?: Readonly<Record<string, Described>>;
  readonly additionalProperties?: Described | boolean;
}

/** The settings that there are in a section. */
function settingsAt(path: readonly string[]): string[] {
  let at: Described | boolean | undefined = z.toJSONSchema(settingsSchema, {
    ...{ io: 'input', unrepresentable: 'any' },
  }) as Described;
  for (const name of path) at = typeof at === 'object' ? (at.properties?.[name] ?? at.additionalProperties) : undefined;
  return typeof at === 'object' ? Object.keys(at.properties ?? {}) : [];
}

const isStage = (path: readonly string[]) => path.length === 2 && path[0] === 'stages';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
