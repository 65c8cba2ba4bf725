/** Of a state machine's definition, what its picture is drawn from. */
export interface Definition {
  readonly StartAt?: string;
  readonly States?: Readonly<Record<string, State>>;
}

interface State {
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Next?: string }[];
  readonly Catch?: readonly { readonly Next?: string }[];
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  /** What takes it: the state's end, a choice, or an error. */
  readonly kind: 'next' | 'choice' | 'catch';
}

/** The ways from state to state, each once. */
export function edgesOf({ States = {} }: Definition): Edge[] {
  const edges = Object.entries(States).flatMap(([from, { Next, Default, Choices = [], Catch = [] }]) => {
    const ways: [string | undefined, Edge['kind']][] = [
      [Next, 'next'],
      ...Choices.map((choice): [string | undefined, Edge['kind']] => [choice.Next, 'choice']),
      [Default, 'choice'],
      ...Catch.map((way): [string | undefined, Edge['kind']] => [way.Next, 'catch']),
    ];
    return ways.flatMap(([to, kind]) => (to === undefined ? [] : [{ from, to, kind }]));
  });
  return [...new Map(edges.map((edge) => [`${edge.from}\n${edge.to}\n${edge.kind}`, edge])).values()];
}

/** States by their distance from the start; those that nothing leads to, last. */
export function layersOf(definition: Definition): string[][] {
  const { StartAt, States = {} } = definition;
  const edges = edgesOf(definition);
  const layers: string[][] = [];
  const placed = new Set<string>();
  let layer = StartAt === undefined ? [] : [StartAt];
  while (layer.length > 0) {
    for (const name of layer) placed.add(name);
    layers.push(layer);
    const next = edges.filter(({ from, to }) => layer.includes(from) && !placed.has(to)).map(({ to }) => to);
    layer = [...new Set(next)];
  }
  const left = Object.keys(States).filter((name) => !placed.has(name));
  return left.length > 0 ? [...layers, left] : layers;
}
