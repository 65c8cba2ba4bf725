import type { NormalRow, RowForm, RowProblem } from '../../contracts/batch/row.ts';
import type { RowItem } from '../../contracts/batch/states.ts';
import type { Ledger } from '../../contracts/generation.ts';
import { setting } from '../environment.ts';
import { StoreUnavailable } from '../errors.ts';
import { getObject, putObject } from '../object-store.ts';
import { findText, getRange } from '../object-stream.ts';
import { chunkPath, groupPath, planPath, segmentPath } from './batch-paths.ts';
import { type Counts, countChunk } from './batch-store.ts';

/** What is kept of a row while its texts are made. */
export interface PlannedRow {
  readonly row: number;
  readonly line: number;
  readonly id: string;
  readonly form: RowForm;
  readonly model: string;
  readonly seed: number;
  /** How many lanes of its group are its own. */
  readonly lanes: number;
  readonly promptTokens: number;
  /** Texts before which its own end. */
  readonly stop: readonly string[];
}

/** How a chunk's rows are run: groups one after the other, the rows of each side by side. */
export interface ChunkPlan {
  readonly groups: readonly (readonly PlannedRow[])[];
  /** Rows that no model takes. */
  readonly refused: readonly RowResult[];
}

/** What came of a row: a line of the output, or of the errors. */
export interface RowResult {
  readonly row: number;
  readonly line: number;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly steps: number;
  /** Of the tokens, those that were made without members that were lost. */
  readonly degradedTokens?: number;
  readonly output?: object;
  readonly error?: RowProblem;
}

/** What a chunk's object begins with. */
export interface ChunkHead {
  readonly chunk: number;
  readonly counts: Counts;
  readonly spent: Ledger['spent'];
  /** Digests of the models that answered, by member. */
  readonly versions: Readonly<Record<string, readonly string[]>>;
}

export interface GroupResult {
  readonly results: readonly RowResult[];
  readonly spent: Ledger['spent'];
  readonly versions: ChunkHead['versions'];
}

interface Place {
  readonly tenant: string;
  readonly batch: string;
}

/** The rows that items of the Map are of, each group of neighbours by one request. */
export async function loadRows({ tenant, batch }: Place, items: readonly RowItem[]): Promise<NormalRow[]> {
  const bySegment = [...Map.groupBy(items, ({ segment }) => segment)];
  const loaded = await Promise.all(
    bySegment.map(async ([segment, own]) => {
      const start = own[0].at;
      const last = own[own.length - 1];
      const key = segmentPath(tenant, batch, segment);
      const bytes = Buffer.from(await getRange(tenant, key, start, last.at + last.bytes - start));
      return own.map(({ row, at, bytes: length }): NormalRow => {
        const found: NormalRow = JSON.parse(bytes.subarray(at - start, at - start + length).toString());
        if (found.row !== row) throw new StoreUnavailable(`object ${key}: has row ${found.row} where ${row} was put`);
        return found;
      });
    }),
  );
  return loaded.flat();
}

export function putPlan({ tenant, batch }: Place, chunk: number, plan: ChunkPlan): Promise<void> {
  return putObject(tenant, planPath(tenant, batch, chunk), JSON.stringify(plan));
}

export async function getPlan({ tenant, batch }: Place, chunk: number): Promise<ChunkPlan> {
  const place = { bucket: setting('SLINGSHOT_BUCKET'), key: planPath(tenant, batch, chunk) };
  return JSON.parse(Buffer.from(await getObject(tenant, place)).toString());
}

export function putGroup({ tenant, batch }: Place, chunk: number, group: number, result: GroupResult): Promise<void> {
  return putObject(tenant, groupPath(tenant, batch, chunk, group), JSON.stringify(result));
}

/** The groups before the last, which is at hand. */
export async function getGroups({ tenant, batch }: Place, chunk: number, groups: number): Promise<GroupResult[]> {
  const places = Array.from({ length: groups }, (_, group) => groupPath(tenant, batch, chunk, group));
  return Promise.all(
    places.map(async (key) => {
      const bytes = await getObject(tenant, { bucket: setting('SLINGSHOT_BUCKET'), key });
      return JSON.parse(Buffer.from(bytes).toString());
    }),
  );
}

/** Puts a chunk down, from when on it is done, and counts it. */
export async function putChunk(
  { tenant, batch }: Place,
  chunk: number,
  { results, spent, versions }: GroupResult,
): Promise<void> {
  const inOrder = results.toSorted((a, b) => a.row - b.row);
  const counts: Counts = {
    completed: results.filter(({ output }) => output).length,
    failed: results.filter(({ error }) => error).length,
    tokens: results.reduce((sum, { tokens }) => sum + tokens, 0),
  };
  const head: ChunkHead = { chunk, counts, spent, versions };
  const lines = [head, ...inOrder].map((line) => `${JSON.stringify(line)}\n`);
  await putObject(tenant, chunkPath(tenant, batch, chunk), lines.join(''));
  await countChunk(tenant, batch, chunk, counts);
}

/** A chunk that is done, or undefined. */
export async function findChunk(
  { tenant, batch }: Place,
  chunk: number,
): Promise<{ readonly head: ChunkHead; readonly results: readonly RowResult[] } | undefined> {
  const text = await findText(tenant, chunkPath(tenant, batch, chunk));
  if (text === undefined) return undefined;
  const [head, ...results] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { head, results };
}
