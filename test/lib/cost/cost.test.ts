import { describe, expect, it } from 'vitest';
import { costOf, costOfUsage, granularities, idleFloor } from '../../../lib/cost/cost.ts';
import { dollarsOf, readPrices } from '../../../lib/cost/prices.ts';
import { scenarioSchema } from '../../../lib/cost/scenario.ts';
import { type Fleet, simulate } from '../../../lib/cost/simulate.ts';

const prices = readPrices();
const scenario = scenarioSchema.parse({});

describe('what a deployment costs', () => {
  it('idle is a core’s instance, for a month of 730 hours, and a key', () => {
    expect(idleFloor(prices, scenario)).toBeCloseTo(730 * dollarsOf(prices, 'ml.g5.xlarge') + 1, 6);
  });

  it('is mostly the endpoints with few tenants, and with many that share instances what each step takes', () => {
    const few = costOf(prices, scenario, 10, granularities[0]);
    expect(few.endpoints).toBeGreaterThan(0.9 * few.total);
    const many = costOf(prices, { ...scenario, tenantsPerInstance: 1000 }, 100_000, granularities[0]);
    expect(many.states).toBeGreaterThan(many.endpoints);
  });

  it('has a GPU for each tenant whose component is awake, or one for as many as share an instance', () => {
    // 20 generations a day, each keeping its component for half an hour.
    const share = 1 - Math.exp(-20 / 48);
    const gpus = costOf(prices, scenario, 1000, granularities[1]);
    expect(gpus.tenantInstances).toBeCloseTo(1000 * scenario.active * share, 6);
    const shared = costOf(prices, { ...scenario, tenantsPerInstance: 15 }, 1000, granularities[1]);
    expect(shared.tenantInstances).toBeCloseTo(gpus.tenantInstances / 15, 6);
  });

  it('of Standard transitions is what the vendor’s price says: 5 a step, 6 a block', () => {
    const { states, tokensAMonth } = costOf(prices, scenario, 1000, granularities[0]);
    const blocks = tokensAMonth / 25;
    expect(states).toBeCloseTo(((blocks * (5 * 24 + 6) * 0.000025) / tokensAMonth) * 1e6, 6);
  });

  it('falls with each coarser granularity', () => {
    const totals = granularities.map((each) => costOf(prices, scenario, 1000, each).total);
    expect(totals).toEqual(totals.toSorted((a, b) => b - a));
  });

  it('of a tenant is its models’ time at the price of where they run', () => {
    const models = { core: { milliseconds: 3.6e6 }, 'tenant:acme': { milliseconds: 1.8e6 } };
    const expected = (1.408 + 0.5 * 0.736) / 0.5;
    expect(costOfUsage(prices, scenario, models)).toBeCloseTo(expected, 9);
    expect(() => costOfUsage(prices, { ...scenario, coreInstance: 'ml.x' }, models)).toThrow('there is none of ml.x');
  });
});

describe('a simulated fleet', () => {
  const fleet: Fleet = {
    ...{ arrivalsPerSecond: 5, tenants: 1, skew: 0, blocks: 1, stepsPerBlock: 1, copies: 1, visit: 1 },
    ...{ core: { base: 100, lane: 0, batch: 1 }, tenant: 0, cold: { idle: Number.POSITIVE_INFINITY, wake: 0 } },
    ...{ start: 0, blockTurn: 0, transport: 0, hop: 0, reduce: 0, seconds: 20_000, seed: 3 },
  };

  it('waits as the formula of a queue with one server and a fixed service time says', () => {
    // M/D/1 at load 0.5: half of all calls find the server free and take 0.1 s; the mean is 0.15 s.
    const { p50, busy } = simulate(fleet);
    // Four standard deviations of 100,000 draws at one half.
    expect(Math.abs(busy - 0.5)).toBeLessThan(0.01);
    expect(p50).toBeGreaterThanOrEqual(0.1);
    expect(p50).toBeLessThan(0.11);
  });

  it('takes no longer than its parts when nobody waits', () => {
    const alone = {
      ...fleet,
      arrivalsPerSecond: 0.01,
      blocks: 2,
      stepsPerBlock: 24,
      hop: 20,
      reduce: 5,
      seconds: 5000,
    };
    const elsewhere = { ...alone, visit: 1, start: 300, blockTurn: 160, transport: 7 };
    expect(simulate(elsewhere).p50).toBeCloseTo((300 + 2 * 160 + 48 * (7 + 100 + 5 + 20)) / 1000, 6);
    const stepwise = simulate({ ...alone, visit: 1 });
    expect(stepwise.p50).toBeCloseTo((48 * (100 + 5 + 20)) / 1000, 6);
    // A visit of 10 steps turns three times a block: after 10, 20 and the last.
    expect(simulate({ ...alone, visit: 10 }).p50).toBeCloseTo((48 * 105 + 6 * 20) / 1000, 6);
  });

  it('asks tenants’ components for as many of the generations as are theirs', () => {
    const sleepy = { ...fleet, tenants: 1000, arrivalsPerSecond: 1, seconds: 2000, cold: { idle: 1, wake: 1000 } };
    // Nearly each finds its component gone, so that what is cold is what asks for one; 2,000 draws, four deviations.
    expect(Math.abs(simulate({ ...sleepy, withTenant: 0.5 }).cold - 0.5)).toBeLessThan(0.045);
    expect(simulate({ ...sleepy, withTenant: 0 }).cold).toBe(0);
  });

  it('is the same for the same seed, and wakes what went to sleep', () => {
    const sleepy = { ...fleet, arrivalsPerSecond: 0.02, cold: { idle: 60_000, wake: 30_000 }, seconds: 5000 };
    expect(simulate(sleepy)).toEqual(simulate(sleepy));
    const { cold, p99 } = simulate(sleepy);
    // An idle minute is exceeded with probability e^(-1.2) and more, for those that arrive while it wakes do not count.
    expect(cold).toBeGreaterThan(0.1);
    expect(cold).toBeLessThan(0.5);
    expect(p99).toBeGreaterThan(30);
  });
});
