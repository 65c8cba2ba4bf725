import fc from 'fast-check';
import type { GenerationRequest } from '../../functions/contracts/request.ts';

/** What can go wrong with a call of an endpoint. */
export const endpointFaults = [
  'fails', // 500
  'is loading', // 503
  'is late', // the model's answer, after the caller's patience
  'never answers',
  'answers in part', // the connection ends in the middle
  'refuses the connection',
  'loses the answer', // the model has done its work
  'answers something else', // a proxy's page
  'answers another step',
  'answers no numbers',
] as const;

/** What can go wrong with a call of a function. */
export const functionFaults = ['dies before', 'dies after', 'runs twice', 'is throttled', 'is slow'] as const;

/** What can go wrong with a call of the bucket. */
export const storeFaults = [
  'is throttled',
  'stays throttled',
  'is slow',
  'answers in part',
  'loses the answer',
] as const;

/** What can go wrong with a model's process. */
export const processFaults = ['is killed', 'is frozen'] as const;

/** A fault strikes a run's n-th call of its place. */
export type Fault =
  | { readonly place: 'endpoint'; readonly kind: (typeof endpointFaults)[number]; readonly call: number }
  | { readonly place: 'function'; readonly kind: (typeof functionFaults)[number]; readonly call: number }
  | { readonly place: 'store'; readonly kind: (typeof storeFaults)[number]; readonly call: number }
  | { readonly place: 'process'; readonly kind: (typeof processFaults)[number]; readonly call: number };

/** A generation, and what goes wrong while it runs. */
export interface Schedule {
  readonly request: GenerationRequest & { readonly seed: number };
  readonly faults: readonly Fault[];
}

export const tenants = ['acme', 'globex'] as const;

/** In private contexts, and nowhere else. */
export const secret = 'secret';

const fault = <Place extends Fault['place'], Kind extends string>(
  place: Place,
  kinds: readonly Kind[],
  calls: number,
) => fc.record({ place: fc.constant(place), kind: fc.constantFrom(...kinds), call: fc.nat(calls) });

const anyFault = fc.oneof(
  { weight: 8, arbitrary: fault('endpoint', endpointFaults, 5) },
  { weight: 8, arbitrary: fault('function', functionFaults, 7) },
  { weight: 4, arbitrary: fault('store', storeFaults, 4) },
  { weight: 1, arbitrary: fault('process', processFaults, 3) },
) as fc.Arbitrary<Fault>;
/** Most runs meet some; a few must not, to see that the others' do not strike them. */
const faults = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 9, arbitrary: fc.array(anyFault, { minLength: 1, maxLength: 3, size: 'max' }) },
);

const common = {
  prompt: fc.constantFrom('To create a queue', 'A worker that fails', 'You can send a call'),
  tokens: fc.constantFrom(5, 7),
  steps: fc.constantFrom(2, 3),
  stopAt: fc.constant(0),
  visit: fc.constantFrom(1, 1, 2, 5),
  selfConditioning: fc.constantFrom('fused' as const, 'own' as const),
};
const tenantRequest = fc.constantFrom(...tenants).chain((tenant) =>
  fc.record({
    ...common,
    tenant: fc.constant(tenant),
    weight: fc.constantFrom(0.3, 1),
    context: fc.constantFrom(undefined, `${secret} of ${tenant}`),
  }),
);
const request = fc.oneof({ weight: 1, arbitrary: fc.record(common) }, { weight: 3, arbitrary: tenantRequest });

/** Schedules by a seed, each with a request seed of its own, by which its calls are told apart. */
export function schedules(count: number, seed: number): Schedule[] {
  const drawn = fc.sample(fc.record({ request, faults }), { numRuns: count, seed });
  return drawn.map(({ request: { context, ...rest }, faults: planned }: Drawn, index) => ({
    request: { ...rest, ...(context === undefined ? {} : { context }), seed: index + 1 },
    faults: planned,
  }));
}

interface Drawn {
  readonly request: GenerationRequest;
  readonly faults: readonly Fault[];
}
