import { createHash } from 'node:crypto';
import type { BatchRecord, BatchSummary } from '../contracts/batch/record.ts';
import type { NormalRow, RowProblem } from '../contracts/batch/row.ts';
import type { RowItem } from '../contracts/batch/states.ts';
import { costsPath, indexPath, refusedPath, segmentPath } from '../shared/batches/batch-paths.ts';
import { type ChunkCosts, costOfRow, type RowCost } from '../shared/batches/costs.ts';
import { type Owner, putObject } from '../shared/object-store.ts';
import { ObjectWriter, streamObject } from '../shared/object-stream.ts';
import { isProblem } from './parse-row.ts';
import { readRows } from './read-rows.ts';

/** Bytes of an object of rows, about. */
const segmentBytes = 4 * 2 ** 20;
/** Problems that a batch's record tells of; the error file has all. */
const toldProblems = 20;

export interface Validated {
  readonly summary: BatchSummary;
  /** The first things that were wrong. */
  readonly problems: readonly RowProblem[];
}

/**
 * Reads a batch's file: its rows go to segments of the tenant's, where each lies to the index, which has no words of
 * theirs, and what is wrong with the others to segments of its own. Done again, it does the same again.
 *
 * @throws BadFile, StoreUnavailable, StoreRejected
 */
export async function validateFile(
  tenant: string,
  batch: Pick<BatchRecord, 'id' | 'inputKey' | 'endpoint' | 'defaults' | 'lanes'>,
): Promise<Validated> {
  const rows = new Segments(tenant, (segment) => segmentPath(tenant, batch.id, segment));
  const refused = new Segments(tenant, (segment) => refusedPath(tenant, batch.id, segment));
  const index = new ObjectWriter(null, indexPath(batch.id));
  const costs = new CostSums(batch.lanes);
  const problems: RowProblem[] = [];
  let bad = 0;
  const source = new Digested(streamObject(tenant, batch.inputKey));
  const defaults = { endpoint: batch.endpoint ?? undefined, body: batch.defaults };
  try {
    for await (const row of readRows(source, defaults)) {
      if (isProblem(row)) {
        bad++;
        if (problems.length < toldProblems) problems.push(row);
        await refused.add(JSON.stringify(row));
        continue;
      }
      const { number, ...place } = await rows.add(JSON.stringify(row satisfies NormalRow));
      await index.write(`${JSON.stringify({ row: number, ...place } satisfies RowItem)}\n`);
      costs.add(costOfRow(row));
    }
    await Promise.all([rows.end(), refused.end(), index.end()]);
  } catch (error) {
    await index.abandon();
    throw error;
  }
  await putObject(null, costsPath(batch.id), JSON.stringify(costs.chunks));
  const summary = {
    ...{ good: rows.count, bad, segments: rows.segments, refusedSegments: refused.segments },
    ...{ tokens: costs.all.tokens, steps: costs.all.steps, sha256: source.digest, bytes: source.bytes },
  };
  return { summary, problems };
}

/** Bytes that are counted and digested as they pass. */
class Digested {
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  get digest(): string {
    return this.#hash.copy().digest('hex');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#source) {
      this.#hash.update(chunk);
      this.bytes += chunk.length;
      yield chunk;
    }
  }
}

/** Lines one after the other in objects of about the same size. */
class Segments {
  count = 0;
  segments = 0;
  #held: Buffer[] = [];
  #at = 0;
  readonly #owner: Owner;
  readonly #path: (segment: number) => string;

  constructor(owner: Owner, path: (segment: number) => string) {
    this.#owner = owner;
    this.#path = path;
  }

  async add(line: string): Promise<Omit<RowItem, 'row'> & { readonly number: number }> {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#at > 0 && this.#at + bytes.length > segmentBytes) await this.#put();
    const place = { number: this.count++, segment: this.segments, at: this.#at, bytes: bytes.length };
    this.#held.push(bytes);
    this.#at += bytes.length;
    return place;
  }

  async end(): Promise<void> {
    if (this.#at > 0) await this.#put();
  }

  async #put(): Promise<void> {
    await putObject(this.#owner, this.#path(this.segments), Buffer.concat(this.#held));
    this.#held = [];
    this.#at = 0;
    this.segments++;
  }
}

/** What rows may cost at most, chunk by chunk. */
class CostSums {
  readonly chunks: ChunkCosts = { tokens: [], steps: [], requests: [] };
  readonly all = { tokens: 0, steps: 0 };
  readonly #lanes: number;
  #rows = 0;

  constructor(lanes: number) {
    this.#lanes = lanes;
  }

  add({ tokens, steps }: RowCost): void {
    const chunk = Math.floor(this.#rows++ / this.#lanes);
    const { chunks, all } = this;
    chunks.tokens[chunk] = (chunks.tokens[chunk] ?? 0) + tokens;
    chunks.steps[chunk] = (chunks.steps[chunk] ?? 0) + steps;
    chunks.requests[chunk] = (chunks.requests[chunk] ?? 0) + 1;
    all.tokens += tokens;
    all.steps += steps;
  }
}
