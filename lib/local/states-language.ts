/** An Amazon States Language document. */
export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
  readonly [key: string]: unknown;
}

export interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly ItemProcessor?: Definition & { ProcessorConfig?: { Mode?: string } };
  readonly Branches?: readonly Definition[];
  readonly [key: string]: unknown;
}
