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

/** Where tenants' components are: as the scenario says, or several on the processors of an instance. */
export const placements: readonly { readonly name: string; readonly of: (scenario: Scenario) => Scenario }[] = [
  { name: 'as in the scenario', of: (scenario) => scenario },
  {
    name: '15 to an ml.c7i.4xlarge',
    of: (scenario) => ({ ...scenario, tenantInstance: 'ml.c7i.4xlarge', tenantsPerInstance: 15 }),
  },
];

const [hoursAMonth, daysAMonth, million] = [730, 30.4, 1e6];
export const secondsAMonth = daysAMonth * 86_400;

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

/** What a month has. */
export interface Load {
  readonly generations: number;
  readonly coreInstances: number;
  readonly tenantInstances: number;
}

type CostOfLoad = Omit<Cost, 'tenants' | 'granularity'>;

/** Dollars by a million tokens, of a month's load. */
export function costOfLoad(prices: Prices, scenario: Scenario, load: Load, granularity: Granularity): CostOfLoad {
  const { generations, coreInstances, tenantInstances } = load;
  const { tokensPerGeneration, block, stepsPerBlock, memoryGigabytes } = scenario;
  const blocks = generations * Math.ceil(tokensPerGeneration / block);
  const steps = blocks * stepsPerBlock;
  const tokens = generations * tokensPerGeneration;
  const price = (name: string) => dollarsOf(prices, name);

  const endpoints =
    hoursAMonth * (coreInstances * price(scenario.coreInstance) + tenantInstances * price(scenario.tenantInstance));

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
    ...{ tokensAMonth: tokens, coreInstances, tenantInstances },
    ...{ endpoints: by(endpoints), functions: by(functions), states: by(states), rest: by(rest) },
    ...{ total: by(all), dollarsAMonth: all },
  };
}

/** Dollars by a million tokens, for so many tenants. */
export function costOf(prices: Prices, scenario: Scenario, tenants: number, granularity: Granularity): Cost {
  const { active, generationsPerTenantPerDay, tokensPerGeneration, block, stepsPerBlock } = scenario;
  const generations = tenants * active * generationsPerTenantPerDay * daysAMonth;
  const steps = generations * Math.ceil(tokensPerGeneration / block) * stepsPerBlock;
  const busyInstances = (milliseconds: number) => (steps * milliseconds) / 3.6e6 / (hoursAMonth * scenario.utilisation);
  const load = {
    generations,
    coreInstances: Math.max(1, Math.ceil(busyInstances(scenario.coreMilliseconds))),
    // Whichever is more: what holds the components that are awake, or what they compute. Instances come and go.
    tenantInstances: Math.max(
      awake(scenario, tenants) / scenario.tenantsPerInstance,
      busyInstances(scenario.tenantMilliseconds),
    ),
  };
  return { tenants, granularity: granularity.name, ...costOfLoad(prices, scenario, load, granularity) };
}

/** Tenants whose components are there, on average: with requests at any time, those whose last one was not too long ago. */
export function awake({ active, generationsPerTenantPerDay, idleMinutes }: Scenario, tenants: number): number {
  const asleep = Math.exp((-generationsPerTenantPerDay * idleMinutes) / (24 * 60));
  return tenants * active * (1 - asleep);
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
