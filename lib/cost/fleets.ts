import type { Scenario } from './scenario.ts';
import type { Fleet } from './simulate.ts';

/** A fleet of a scenario's times: one copy of the core, 1,000 tenants whose components sleep after half an hour. */
export function fleetOf(
  scenario: Scenario,
  asked: { readonly visit: number; readonly arrivalsPerSecond: number },
): Fleet {
  const { coreMilliseconds, tenantMilliseconds, transportMilliseconds } = scenario;
  return {
    ...{ ...asked, tenants: 1000, skew: 1, copies: 1, seconds: 600, seed: 1 },
    blocks: Math.ceil(scenario.tokensPerGeneration / scenario.block),
    stepsPerBlock: scenario.stepsPerBlock,
    // Lanes of a batch share the weights' way through memory; a fifth of a call is a lane's own.
    core: { base: 0.8 * coreMilliseconds, lane: 0.2 * coreMilliseconds, batch: 8 },
    tenant: tenantMilliseconds,
    cold: { idle: 1_800_000, wake: 240_000 },
    ...{ hop: scenario.expressHopMilliseconds + transportMilliseconds, reduce: scenario.reduceMilliseconds },
  };
}
