/** A row that is not what it should be, by file and line. */
export class BadRow extends Error {
  override name = 'BadRow';
}

/** What to do with one: stop, or report it and go on. */
export type BadRowPolicy = 'fail' | 'skip';

export interface RowOptions {
  readonly policy: BadRowPolicy;
  readonly onBadRow?: (error: BadRow) => void;
}
