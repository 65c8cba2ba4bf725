import { hasGpus } from './instance-types.ts';

/** What computes on an instance: what was chosen, or what the type has. */
export function providerOf(place: {
  readonly instanceType: string;
  readonly provider?: 'cuda' | 'cpu' | undefined;
}): 'cuda' | 'cpu' {
  return place.provider ?? (hasGpus(place.instanceType) ? 'cuda' : 'cpu');
}
