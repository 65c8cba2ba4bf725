import { dollarsOf, type Prices } from './prices.ts';
import type { Scenario } from './scenario.ts';

/** Who turns a step into the next: a state machine, or a function that makes several steps a visit. */
export interface Granularity {
  readonly name: string;
  readonly machine: 'express' | 'standard';
  /** Steps a visit; 1 is a state machine's turn a step. */
  readonly visit: number;
}

export const granularities: readonly Granularity[] = [
  { name: 'a step, Standard', machine: 'standard', visit: 1 },
  { name: 'a step, Express', machine: 'express', visit: 1 },
  { name: '4 steps a visit, Express', machine: 'express', visit: 4 },
  { name: 'a block a visit, Express', machine: 'express', visit: Number.POSITIVE_INFINITY },
];

const [hoursAMonth, daysAMonth, million] = [730, 30.4, 1e6];

/** Transitions of a step in the definitions: map, call and call, reduce, choice. */
const transitionsAStep = 5;
/** Of a visit: the function, and two choices. */
const transitionsAVisit = 3;
/** Of a block: prepare's share, the block's execution, commit, two choices. */
const transitionsABlock = 6;
/** What an Express execution is billed by at least. */
const expressGigabytes = 64 / 1024;
/** Of a generation: admission, record, commits, end, usage. */
const writesAGeneration = 8;

export interface Cost {
  readonly tenants: number;
  readonly granularity: string;
  readonly tokensAMonth: number;
  readonly coreInstances: number;
  readonly tenantInstances: number;
  /** By a million committed tokens. */
  readonly endpoints: number;
  readonly functions: number;
  readonly states: number;
  readonly rest: number;
  readonly total: number;
  readonly dollarsAMonth: number;
}

/** What it costs when nobody asks: dollars a month. */
export function idleFloor(prices: Prices, { coreInstance }: Pick<Scenario, 'coreInstance'>): number {
  return dollarsOf(prices, coreInstance) * hoursAMonth + dollarsOf(prices, 'key.month');
}

/** Dollars by a million tokens, for so many tenants. */
export function costOf(prices: Prices, scenario: Scenario, tenants: number, granularity: Granularity): Cost {
  const { active, generationsPerTenantPerDay, tokensPerGeneration, block, stepsPerBlock, memoryGigabytes } = scenario;
  const generations = tenants * active * generationsPerTenantPerDay * daysAMonth;
  const blocks = generations * Math.ceil(tokensPerGeneration / block);
  const steps = blocks * stepsPerBlock;
  const tokens = generations * tokensPerGeneration;
  const price = (name: string) => dollarsOf(prices, name);

  const instances = (milliseconds: number) =>
    Math.max(1, Math.ceil((steps * milliseconds) / 3.6e6 / (hoursAMonth * scenario.utilisation)));
  const coreInstances = instances(scenario.coreMilliseconds);
  const tenantInstances = instances(scenario.tenantMilliseconds);
  // Tenants' instances go away; a core's stay.
  const tenantHours =
    tenantInstances > 1 ? tenantInstances * hoursAMonth : hoursAMonth * Math.min(1, tenants * active * 0.05);
  const endpoints =
    coreInstances * hoursAMonth * price(scenario.coreInstance) + tenantHours * price(scenario.tenantInstance);

  const visits = blocks * Math.ceil(stepsPerBlock / Math.min(granularity.visit, stepsPerBlock));
  const asks = scenario.coreMilliseconds + scenario.transportMilliseconds;
  const stepSeconds = (asks + scenario.reduceMilliseconds) / 1000;
  const aStep = granularity.visit === 1;
  const requests = aStep ? 3 * steps : visits;
  const seconds = aStep ? steps * ((2 * asks + scenario.reduceMilliseconds) / 1000) : steps * stepSeconds;
  const functions = requests * price('lambda.request') + seconds * memoryGigabytes * price('lambda.gigabyteSecond');

  const turns = aStep ? steps * transitionsAStep : visits * transitionsAVisit;
  const standard = blocks * transitionsABlock * price('states.transition');
  const hop = scenario.expressHopMilliseconds / 1000;
  const expressSeconds = steps * stepSeconds + (aStep ? steps : visits) * hop;
  const states =
    granularity.machine === 'standard'
      ? standard + turns * price('states.transition')
      : standard +
        blocks * price('express.request') +
        (expressSeconds / 3600) * expressGigabytes * price('express.gigabyteHour');

  const rest =
    generations * (price('api.request') + writesAGeneration * (price('table.write') + price('table.read'))) +
    price('key.month');
  const by = (dollars: number) => (dollars / tokens) * million;
  const all = endpoints + functions + states + rest;
  return {
    ...{ tenants, granularity: granularity.name, tokensAMonth: tokens, coreInstances, tenantInstances },
    ...{ endpoints: by(endpoints), functions: by(functions), states: by(states), rest: by(rest) },
    ...{ total: by(all), dollarsAMonth: all },
  };
}

/** What a tenant's model time costs: its milliseconds of each part at the hourly price of where that part runs. */
export function costOfUsage(
  prices: Prices,
  scenario: Pick<Scenario, 'coreInstance' | 'tenantInstance' | 'utilisation'>,
  models: Readonly<Record<string, { readonly milliseconds: number }>>,
): number {
  return Object.entries(models).reduce((sum, [member, { milliseconds }]) => {
    const instance = member === 'core' ? scenario.coreInstance : scenario.tenantInstance;
    return sum + (milliseconds / 3.6e6) * (dollarsOf(prices, instance) / scenario.utilisation);
  }, 0);
}
