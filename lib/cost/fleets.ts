import { costOfLoad, secondsAMonth } from './cost.ts';
import type { Prices } from './prices.ts';
import type { Scenario } from './scenario.ts';
import { awakeIn, type Fleet, type Simulated, simulate } from './simulate.ts';

/** What is asked of a fleet. */
export interface Asked {
  /** Steps a visit, K. */
  readonly visit: number;
  readonly arrivalsPerSecond: number;
  /** The share that asks the tenant's model, too; all when absent. */
  readonly withTenant?: number;
}

export interface Outcome extends Asked, Simulated {
  /** Components of tenants that are there, on average. */
  readonly awake: number;
  /** By a million committed tokens. */
  readonly dollars: number;
}

/** What a fleet makes of what is asked of it, and what that costs. */
export function outcomeOf(prices: Prices, scenario: Scenario, asked: Asked): Outcome {
  const fleet = fleetOf(scenario, asked);
  const awake = awakeIn(fleet);
  const load = {
    generations: asked.arrivalsPerSecond * secondsAMonth,
    coreInstances: fleet.copies,
    tenantInstances: awake / scenario.tenantsPerInstance,
  };
  const { total } = costOfLoad(prices, scenario, load, { name: '', machine: 'express', visit: asked.visit });
  return { ...asked, ...simulate(fleet), awake, dollars: total };
}

/** A fleet of a scenario's times: one copy of the core, 1,000 tenants whose components sleep after half an hour. */
export function fleetOf(scenario: Scenario, asked: Asked): Fleet {
  const { coreMilliseconds, tenantMilliseconds } = scenario;
  return {
    ...{ ...asked, tenants: 1000, skew: 1, copies: 1, seconds: 600, seed: 1 },
    blocks: Math.ceil(scenario.tokensPerGeneration / scenario.block),
    stepsPerBlock: scenario.stepsPerBlock,
    // Lanes of a batch share the weights' way through memory; a fifth of a call is a lane's own.
    core: { base: 0.8 * coreMilliseconds, lane: 0.2 * coreMilliseconds, batch: 8 },
    tenant: tenantMilliseconds,
    cold: { idle: 60_000 * scenario.idleMinutes, wake: 240_000 },
    ...{ start: scenario.startMilliseconds, blockTurn: scenario.standardHopMilliseconds },
    ...{ transport: scenario.transportMilliseconds, reduce: scenario.reduceMilliseconds },
    hop: scenario.expressHopMilliseconds,
  };
}
