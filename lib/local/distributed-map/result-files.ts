import type { ExecutionResult } from '../execution.ts';
import type { MapStore } from './map-store.ts';

/** A child that ended. */
export interface Child {
  readonly arn: string;
  readonly name: string;
  readonly mapRunArn: string;
  readonly input: string;
  /** Seconds since 1970. */
  readonly startDate: number;
  readonly result: ExecutionResult;
}

interface Place {
  readonly bucket: string;
  /** Of this run. */
  readonly prefix: string;
}

/** Bytes of a file of results. */
const fileBytes = 2 ** 20;

type Outcome = 'SUCCEEDED' | 'FAILED';

/**
 * What a ResultWriter of JSON lines writes, compact: outputs alone of the children that succeeded, and all that is known of
 * those that failed; and a manifest of the files.
 */
export class ResultFiles {
  readonly #store: MapStore;
  readonly #place: Place;
  readonly #held: Record<Outcome, string[]> = { SUCCEEDED: [], FAILED: [] };
  readonly #written: Record<Outcome, { Key: string; Size: number }[]> = { SUCCEEDED: [], FAILED: [] };

  constructor(store: MapStore, place: Place) {
    this.#store = store;
    this.#place = place;
  }

  async add({ result, ...child }: Child): Promise<void> {
    if (result.status === 'SUCCEEDED') {
      this.#held.SUCCEEDED.push(`${result.output}\n`);
      return this.#write('SUCCEEDED', fileBytes);
    }
    const { arn, name, mapRunArn, input, startDate } = child;
    const told = {
      ...{ ExecutionArn: arn, Input: input, InputDetails: { Included: true }, MapRunArn: mapRunArn, Name: name },
      ...(result.status === 'FAILED' ? { Error: result.error, Cause: result.cause } : {}),
      ...{ StartDate: new Date(1000 * startDate).toISOString(), Status: result.status },
      StopDate: new Date().toISOString(),
    };
    this.#held.FAILED.push(`${JSON.stringify(told)}\n`);
    return this.#write('FAILED', fileBytes);
  }

  /** @returns the manifest's key */
  async end(mapRunArn: string): Promise<string> {
    await this.#write('SUCCEEDED', 0);
    await this.#write('FAILED', 0);
    const { bucket, prefix } = this.#place;
    const key = `${prefix}/manifest.json`;
    const ResultFiles = { FAILED: this.#written.FAILED, PENDING: [], SUCCEEDED: this.#written.SUCCEEDED };
    await this.#store.put(
      bucket,
      key,
      JSON.stringify({ DestinationBucket: bucket, MapRunArn: mapRunArn, ResultFiles }),
    );
    return key;
  }

  /** Writes a file once there is more than so much of it. */
  async #write(outcome: Outcome, least: number): Promise<void> {
    const body = this.#held[outcome].join('');
    if (body.length <= least) return;
    this.#held[outcome] = [];
    const { bucket, prefix } = this.#place;
    const written = this.#written[outcome];
    const file = { Key: `${prefix}/${outcome}_${written.length}.jsonl`, Size: Buffer.byteLength(body) };
    written.push(file);
    await this.#store.put(bucket, file.Key, body);
  }
}
