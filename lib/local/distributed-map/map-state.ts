import type { Definition, State } from '../states-language.ts';

/** A Distributed Map, as far as it is run here: a JSONL reader, a batcher, tolerated failures and a writer. */
export interface DistributedMapState {
  readonly label: string;
  readonly processor: Definition;
  readonly reader: { readonly bucket: Argument; readonly key: Argument; readonly maxItems: Argument };
  readonly batcher: { readonly maxItems: Argument; readonly input: Readonly<Record<string, unknown>> };
  readonly maxConcurrency: Argument;
  readonly toleratedFailurePercentage: number;
  readonly writer: { readonly bucket: Argument; readonly prefix: Argument };
}

/** A value, or the path that it stands at. */
export type Argument = { readonly value: unknown } | { readonly path: string };

type Fields = Readonly<Record<string, unknown>>;

/** What of a Task stays: where the Map goes on, and what it does with its result. */
const carried = ['Comment', 'Next', 'End', 'ResultPath', 'Retry', 'Catch'] as const;

export const isDistributed = ({ Type, ItemProcessor }: State): boolean =>
  Type === 'Map' && ItemProcessor?.ProcessorConfig?.Mode === 'DISTRIBUTED';

/**
 * Reads a Distributed Map.
 *
 * @param where names the state in errors
 * @throws Error naming a field that is not run here, or that is missing
 */
export function readDistributedMap(state: State, where: string): DistributedMapState {
  const own = ['Type', 'Label', 'ItemReader', 'ItemBatcher', 'MaxConcurrencyPath', 'ToleratedFailurePercentage'];
  refuseOthers(state, [...own, 'ItemProcessor', 'ResultWriter', ...carried], where);
  const { ItemProcessor: processor } = state;
  if (!processor) throw new Error(`${where}: has no ItemProcessor`);
  refuseOthers(processor.ProcessorConfig as Fields, ['Mode', 'ExecutionType'], `${where}, ProcessorConfig`);
  must(processor.ProcessorConfig as Fields, 'ExecutionType', 'STANDARD', `${where}, ProcessorConfig`);
  const reader = part(state, 'ItemReader', ['Resource', 'ReaderConfig', 'Parameters'], where);
  mustEnd(reader, 'Resource', ':states:::s3:getObject', `${where}, ItemReader`);
  const config = part(reader, 'ReaderConfig', ['InputType', 'MaxItemsPath'], `${where}, ItemReader`);
  must(config, 'InputType', 'JSONL', `${where}, ItemReader`);
  const from = part(reader, 'Parameters', ['Bucket', 'Bucket.$', 'Key', 'Key.$'], `${where}, ItemReader`);
  const batcher = part(state, 'ItemBatcher', ['MaxItemsPerBatchPath', 'BatchInput'], where);
  const writer = part(state, 'ResultWriter', ['Resource', 'Parameters', 'WriterConfig'], where);
  mustEnd(writer, 'Resource', ':states:::s3:putObject', `${where}, ResultWriter`);
  const form = part(writer, 'WriterConfig', ['OutputType', 'Transformation'], `${where}, ResultWriter`);
  must(form, 'OutputType', 'JSONL', `${where}, ResultWriter`);
  must(form, 'Transformation', 'COMPACT', `${where}, ResultWriter`);
  const to = part(writer, 'Parameters', ['Bucket', 'Bucket.$', 'Prefix', 'Prefix.$'], `${where}, ResultWriter`);
  const { Label, ToleratedFailurePercentage } = state;
  if (typeof Label !== 'string' || typeof ToleratedFailurePercentage !== 'number') {
    throw new Error(`${where}: needs a Label and a ToleratedFailurePercentage here`);
  }
  return {
    label: Label,
    processor,
    reader: {
      bucket: argument(from, 'Bucket', where),
      key: argument(from, 'Key', where),
      maxItems: pathOf(config, 'MaxItemsPath', `${where}, ItemReader`),
    },
    batcher: {
      maxItems: pathOf(batcher, 'MaxItemsPerBatchPath', `${where}, ItemBatcher`),
      input: (batcher.BatchInput ?? {}) as Fields,
    },
    maxConcurrency: pathOf(state, 'MaxConcurrencyPath', where),
    toleratedFailurePercentage: ToleratedFailurePercentage,
    writer: { bucket: argument(to, 'Bucket', where), prefix: argument(to, 'Prefix', where) },
  };
}

/** The Task that stands in for a Map: it is told the Map's input, and the execution. */
export function standIn(state: State, resource: string): State {
  const kept = Object.fromEntries(carried.filter((name) => name in state).map((name) => [name, state[name]]));
  const parameters = { 'input.$': '$', 'execution.$': '$$.Execution' };
  return { Type: 'Task', Resource: resource, Parameters: parameters, ...kept };
}

function refuseOthers(fields: Fields, known: readonly string[], where: string): void {
  const other = Object.keys(fields).find((name) => !known.includes(name));
  if (other) throw new Error(`${where}: the local cloud does not run a Distributed Map's ${other}`);
}

function part(fields: Fields, name: string, known: readonly string[], where: string): Fields {
  const value = fields[name];
  if (typeof value !== 'object' || value === null) throw new Error(`${where}: needs a ${name} here`);
  refuseOthers(value as Fields, known, `${where}, ${name}`);
  return value as Fields;
}

function must(fields: Fields, name: string, value: string, where: string): void {
  if (fields[name] !== value) throw new Error(`${where}: the local cloud runs ${name} ${value} alone`);
}

function mustEnd(fields: Fields, name: string, end: string, where: string): void {
  if (!String(fields[name]).endsWith(end))
    throw new Error(`${where}: the local cloud runs ${name} arn:aws${end} alone`);
}

function argument(fields: Fields, name: string, where: string): Argument {
  return `${name}.$` in fields ? pathOf(fields, `${name}.$`, where) : { value: fields[name] };
}

function pathOf(fields: Fields, name: string, where: string): Argument {
  const path = fields[name];
  if (typeof path !== 'string') throw new Error(`${where}: needs a ${name} here`);
  if (!plainPath.test(path)) throw new Error(`${where}: the local cloud does not run the path ${path}`);
  return { path };
}

/** Members of the state's input, or of the context object. */
const plainPath = /^\$(\$\.Execution)?(\.[A-Za-z0-9_]+)+$/;

/** What paths go into. */
export interface Known {
  readonly input: unknown;
  /** The context object's. */
  readonly execution: unknown;
}

/** @throws Error named States.ParameterPathFailure when there is nothing at a path */
export function resolveArgument(argument: Argument, known: Known): unknown {
  if ('value' in argument) return argument.value;
  const { path } = argument;
  const isContext = path.startsWith('$$.');
  const members = path.slice(isContext ? '$$.Execution.'.length : '$.'.length).split('.');
  let value: unknown = isContext ? known.execution : known.input;
  for (const member of members) value = (value as Fields | undefined)?.[member];
  if (value === undefined) throw failure('States.ParameterPathFailure', `there is nothing at ${path}`);
  return value;
}

/** A payload template with its paths resolved: a member whose name ends in .$ is a path, and any other is what it is. */
export function resolveTemplate(template: Fields, known: Known): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => {
      if (!name.endsWith('.$')) return [name, value];
      if (typeof value !== 'string' || !plainPath.test(value)) {
        throw failure('States.ParameterPathFailure', `${name}: ${value} is no path that is run here`);
      }
      return [name.slice(0, -2), resolveArgument({ path: value }, known)];
    }),
  );
}

/** An error by the name that a state machine knows it by. */
export function failure(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
