/** One line of a benchmark's table. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What `value` is divided by for `ratio`. */
  readonly baseline?: string;
  readonly ratio?: number;
}
