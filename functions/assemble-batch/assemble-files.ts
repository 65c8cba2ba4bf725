import type { BatchRecord, BatchTotals } from '../contracts/batch/record.ts';
import type { RowProblem } from '../contracts/batch/row.ts';
import type { RowItem } from '../contracts/batch/states.ts';
import { requestIdOf } from '../finish-chunk/row-results.ts';
import { errorsPath, indexPath, outputPath, refusedPath } from '../shared/batches/batch-paths.ts';
import { findChunk, loadRows, type RowResult } from '../shared/batches/chunk-store.ts';
import { addModels } from '../shared/metering.ts';
import { ObjectWriter, streamObject } from '../shared/object-stream.ts';
import { linesOf } from './lines-of.ts';

/** Chunks that are fetched ahead. */
const ahead = 16;

/** Why rows have no result, by where the batch stands. */
export interface Missing {
  /** Rows from this one on had no room in the budget. */
  readonly admitted: number;
  readonly over: 'cancelled' | 'expired' | undefined;
}

export interface Assembled {
  readonly totals: BatchTotals;
  readonly versions: Readonly<Record<string, readonly string[]>>;
  readonly output: Written;
  readonly errors: Written;
}

interface Written {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly lines: number;
}

/**
 * Puts what the chunks gave into two files in the order of the input, every row in one of them, once; in bounded memory.
 *
 * @throws StoreUnavailable, StoreRejected
 */
export async function assembleFiles(tenant: string, batch: BatchRecord, missing: Missing): Promise<Assembled> {
  const [output, errors] = [new LineFile(tenant, outputPath(tenant, batch.id)), new ErrorFile(tenant, batch)];
  let totals: BatchTotals = { completed: 0, failed: 0, promptTokens: 0, tokens: 0, steps: 0, models: {} };
  const versions = new Map<string, Set<string>>();
  try {
    for await (const { results, spent, models } of chunksOf(tenant, batch, missing)) {
      for (const result of results) {
        if (result.output) await output.add(result.output);
        else if (result.error) await errors.add(result.error);
        totals = {
          completed: totals.completed + (result.output ? 1 : 0),
          failed: totals.failed + (result.error ? 1 : 0),
          promptTokens: totals.promptTokens + result.promptTokens,
          tokens: totals.tokens + result.tokens,
          degradedTokens: (totals.degradedTokens ?? 0) + (result.degradedTokens ?? 0),
          steps: totals.steps + result.steps,
          models: totals.models,
        };
      }
      totals = { ...totals, models: addModels(totals.models, spent) };
      for (const [member, own] of Object.entries(models)) {
        versions.set(member, new Set([...(versions.get(member) ?? []), ...own]));
      }
    }
    const written = { output: await output.end(), errors: await errors.end() };
    const known = [...versions].map(([member, own]) => [member, [...own].toSorted()]);
    return { totals, versions: Object.fromEntries(known), ...written };
  } catch (error) {
    await Promise.all([output.abandon(), errors.abandon()]);
    throw error;
  }
}

interface ChunkResults {
  readonly results: readonly RowResult[];
  readonly spent: BatchTotals['models'];
  readonly models: Readonly<Record<string, readonly string[]>>;
}

/** Chunks in order, some fetched ahead. */
async function* chunksOf(tenant: string, batch: BatchRecord, missing: Missing): AsyncGenerator<ChunkResults> {
  const waiting: Promise<ChunkResults>[] = [];
  const fetch = (items: readonly RowItem[]) => {
    const results = chunkResults(tenant, batch, items, missing);
    // One of them may fail before its turn.
    results.catch(() => {});
    waiting.push(results);
  };
  let items: RowItem[] = [];
  for await (const line of linesOf(streamObject(null, indexPath(batch.id)))) {
    items.push(JSON.parse(line));
    if (items.length < batch.lanes) continue;
    fetch(items);
    items = [];
    if (waiting.length >= ahead) yield (await waiting.shift()) as ChunkResults;
  }
  if (items.length > 0) fetch(items);
  for (const results of waiting) yield await results;
}

async function chunkResults(
  tenant: string,
  { id, lanes }: BatchRecord,
  items: readonly RowItem[],
  { admitted, over }: Missing,
): Promise<ChunkResults> {
  const place = { tenant, batch: id };
  const found = await findChunk(place, Math.floor(items[0].row / lanes));
  if (found) return { results: found.results, spent: found.head.spent, models: found.head.versions };
  const rows = await loadRows(place, items);
  const results = rows.map(({ row, line, id }): RowResult => {
    const [code, message] = row >= admitted && over === undefined ? left.budget : left[over ?? 'failed'];
    return { row, line, promptTokens: 0, tokens: 0, steps: 0, error: { line, id, code, message, param: null } };
  });
  return { results, spent: {}, models: {} };
}

const left = {
  budget: ['budget_exhausted', 'the budget, or the day’s quota, had no room for it; raise it and resume the batch'],
  cancelled: ['batch_cancelled', 'the batch was cancelled before its turn came; resume it to go on'],
  expired: ['batch_expired', 'the batch’s time was up before its turn came; resume it to go on'],
  failed: ['row_failed', 'its chunk did not come to an end; resume the batch to try again'],
} as const;

/** An object of JSON lines. */
class LineFile {
  #lines = 0;
  readonly #key: string;
  readonly #writer: ObjectWriter;

  constructor(tenant: string, key: string) {
    this.#key = key;
    this.#writer = new ObjectWriter(tenant, key);
  }

  async add(line: object): Promise<void> {
    this.#lines++;
    await this.#writer.write(`${JSON.stringify(line)}\n`);
  }

  async end(): Promise<Written> {
    return { key: this.#key, lines: this.#lines, ...(await this.#writer.end()) };
  }

  abandon(): Promise<void> {
    return this.#writer.abandon();
  }
}

/** The errors: rows that were refused before anything ran, and rows that failed, by line. */
class ErrorFile {
  readonly #file: LineFile;
  readonly #refused: AsyncGenerator<RowProblem>;
  #next: RowProblem | undefined | null = null;

  constructor(tenant: string, { id, summary }: BatchRecord) {
    this.#file = new LineFile(tenant, errorsPath(tenant, id));
    this.#refused = refusedRows(tenant, id, summary?.refusedSegments ?? 0);
  }

  async add(problem: RowProblem): Promise<void> {
    await this.#upTo(problem.line);
    await this.#file.add(errorLine(problem));
  }

  async end(): Promise<Written> {
    await this.#upTo(Number.POSITIVE_INFINITY);
    return this.#file.end();
  }

  async abandon(): Promise<void> {
    await this.#refused.return(undefined);
    await this.#file.abandon();
  }

  /** Adds the refused rows before a line. */
  async #upTo(line: number): Promise<void> {
    if (this.#next === null) this.#next = (await this.#refused.next()).value;
    while (this.#next && this.#next.line < line) {
      await this.#file.add(errorLine(this.#next));
      this.#next = (await this.#refused.next()).value;
    }
  }
}

async function* refusedRows(tenant: string, batch: string, segments: number): AsyncGenerator<RowProblem> {
  for (let segment = 0; segment < segments; segment++) {
    for await (const line of linesOf(streamObject(tenant, refusedPath(tenant, batch, segment)))) yield JSON.parse(line);
  }
}

function errorLine({ line, id, code, message, param }: RowProblem): object {
  return { id: requestIdOf(line), custom_id: id, response: null, error: { code, message, param, line } };
}
