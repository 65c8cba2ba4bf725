import { randomUUID } from 'node:crypto';
import type { Execution } from '../execution.ts';
import { checkStateSize } from '../state-limit.ts';
import { type DistributedMapState, failure, type Known, resolveArgument, resolveTemplate } from './map-state.ts';
import type { MapStore } from './map-store.ts';
import { type Child, ResultFiles } from './result-files.ts';

export interface MapRun {
  readonly store: MapStore;
  /** Of the state machine. */
  readonly machineArn: string;
  /** Starts a child: an execution of the Map's own workflow, under a name. */
  readonly start: (name: string, input: string) => { readonly arn: string; readonly execution: Execution };
  /** Whether the execution that the Map is a state of is over, stopped or out of time. */
  readonly isOver: () => boolean;
}

/**
 * Runs a Distributed Map: items from a JSONL object, batches of them as children's inputs, a few children at a time, and
 * what became of them in the bucket.
 *
 * @returns the Map's result
 * @throws Error named as Step Functions names what makes a Map fail
 */
export async function runDistributedMap(state: DistributedMapState, known: Known, run: MapRun): Promise<object> {
  const id = randomUUID();
  const mapRunArn = `${run.machineArn.replace(':stateMachine:', ':mapRun:')}/${state.label}:${id}`;
  const argument = (name: keyof typeof state.writer) => String(resolveArgument(state.writer[name], known));
  const files = new ResultFiles(run.store, { bucket: argument('bucket'), prefix: `${argument('prefix')}/${id}` });
  const mostAtOnce = numberOf(resolveArgument(state.maxConcurrency, known), 'MaxConcurrency', 0);
  const running = new Set<Promise<void>>();
  let [failed, ended] = [0, 0];
  let broken: unknown;
  const children: Execution[] = [];
  for await (const input of batches(state, known, run.store)) {
    checkStateSize(`${state.label}: a child's input`, input);
    if (run.isOver() || broken) break;
    const name = randomUUID();
    const { arn, execution } = run.start(name, input);
    children.push(execution);
    const child = execution.ended.then(async (result) => {
      children.splice(children.indexOf(execution), 1);
      ended++;
      if (result.status !== 'SUCCEEDED') failed++;
      const told: Child = { arn, name, mapRunArn, input, startDate: execution.startDate, result };
      await files.add(told).catch((error) => {
        broken ??= error;
      });
    });
    running.add(child);
    void child.finally(() => running.delete(child));
    // Zero is no limit, as in the service, of which there are 10,000 at once.
    while (running.size >= (mostAtOnce || 10_000)) await Promise.race(running);
  }
  if (run.isOver()) for (const child of children) child.abort();
  await Promise.all(running);
  if (broken) throw failure('States.ResultWriterFailed', String(broken));
  if (run.isOver()) throw failure('States.TaskFailed', 'the execution of the Map is over');
  const key = await files.end(mapRunArn);
  if (100 * failed > state.toleratedFailurePercentage * ended) {
    const message = `${failed} of ${ended} children failed, ${state.toleratedFailurePercentage} % are tolerated`;
    throw failure('States.ExceedToleratedFailureThreshold', message);
  }
  return { MapRunArn: mapRunArn, ResultWriterDetails: { Bucket: argument('bucket'), Key: key } };
}

/** Children's inputs. */
async function* batches(state: DistributedMapState, known: Known, store: MapStore): AsyncGenerator<string> {
  const { reader, batcher } = state;
  const mostItems = numberOf(resolveArgument(reader.maxItems, known), 'MaxItems', 1);
  const perBatch = numberOf(resolveArgument(batcher.maxItems, known), 'MaxItemsPerBatch', 1);
  const batchInput = resolveTemplate(batcher.input, known);
  const of = (items: readonly unknown[]) =>
    JSON.stringify({ ...(Object.keys(batchInput).length > 0 ? { BatchInput: batchInput } : {}), Items: items });
  let [items, count] = [[] as unknown[], 0];
  const [bucket, key] = [reader.bucket, reader.key].map((one) => String(resolveArgument(one, known)));
  for await (const line of store.lines(bucket, key)) {
    if (count === mostItems) break;
    count++;
    try {
      items.push(JSON.parse(line));
    } catch (cause) {
      throw failure('States.ItemReaderFailed', `s3://${bucket}/${key}, line ${count}: ${(cause as Error).message}`);
    }
    if (items.length < perBatch) continue;
    yield of(items);
    items = [];
  }
  if (items.length > 0) yield of(items);
}

function numberOf(value: unknown, name: string, least: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= least) return Number(value);
  throw failure('States.Runtime', `${name}: ${JSON.stringify(value)} is no whole number from ${least} on`);
}
