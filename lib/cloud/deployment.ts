import type { App, Duration, Environment } from 'aws-cdk-lib';
import type { Settings } from '../config/schema.ts';
import type { Fleet } from '../fleet.ts';
import type { Artefacts } from './artefacts.ts';
import { DataStack } from './data-stack.ts';
import { ModelsStack } from './models-stack.ts';
import { ServiceStack } from './service-stack.ts';
import { timeBudget } from './time-budget.ts';
import { WatchStack } from './watch-stack.ts';

export interface DeploymentProps {
  /** What the names of stacks and endpoints begin with; it tells deployments in one account and region apart. */
  readonly prefix: string;
  /** Account and region; whichever the credentials are of, when absent. */
  readonly env?: Environment;
  readonly fleet: Fleet;
  readonly artefacts: Artefacts;
  readonly settings: Settings;
  /** The folder with the console's files; no console when absent. */
  readonly site?: string;
  /** How long an endpoint may take to answer. */
  readonly endpointTimeout?: Duration;
}

export interface Deployment {
  readonly data: DataStack;
  readonly models: ModelsStack;
  readonly service: ServiceStack;
  readonly watch: WatchStack;
}

/** All of Slingshot, as stacks that change, and end, apart: what holds data, the models, the service before them, and who watches. */
export function deployment(app: App, props: DeploymentProps): Deployment {
  const { prefix, env, fleet, artefacts, settings, site, endpointTimeout } = props;
  const shared = { ...(env ? { env } : {}), settings };
  const data = new DataStack(app, `${prefix}-Data`, {
    ...shared,
    description: 'Slingshot: what holds data. It stays when the rest goes',
  });
  const models = new ModelsStack(app, `${prefix}-Models`, {
    ...{ ...shared, prefix, fleet, artefacts, data },
    description: 'Slingshot: the endpoints that serve models. They cost by the hour while they exist',
  });
  const service = new ServiceStack(app, `${prefix}-Service`, {
    ...{ ...shared, prefix, fleet, artefacts, data, models, budget: timeBudget(endpointTimeout) },
    ...(site === undefined ? {} : { site }),
    description: 'Slingshot: the API, its functions and the state machines',
  });
  // Functions name endpoints, by names and not by references.
  service.addStackDependency(models);
  const watch = new WatchStack(app, `${prefix}-Watch`, {
    ...{ ...shared, prefix, service, models },
    description: 'Slingshot: dashboard, alarms, budget',
  });
  return { data, models, service, watch };
}
