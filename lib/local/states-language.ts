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

/** What a timer takes at most: more than three weeks. */
const longestSeconds = Math.floor((2 ** 31 - 1) / 1000);

/** A definition whose Tasks have no limit of time but their own, as in the service; the interpreter's own is a minute. */
export function withoutUsualLimits<D extends Definition>(definition: D): D {
  const States = Object.entries(definition.States).map(([name, state]) => {
    const { Type, TimeoutSeconds, TimeoutSecondsPath, ItemProcessor, Branches } = state;
    const isUnlimited = Type === 'Task' && TimeoutSeconds === undefined && TimeoutSecondsPath === undefined;
    return [
      name,
      {
        ...state,
        ...(isUnlimited ? { TimeoutSeconds: longestSeconds } : {}),
        ...(ItemProcessor ? { ItemProcessor: withoutUsualLimits(ItemProcessor) } : {}),
        ...(Branches ? { Branches: Branches.map(withoutUsualLimits) } : {}),
      },
    ] as const;
  });
  return { ...definition, States: Object.fromEntries(States) };
}
