import { Stack, type StackProps } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Alarm, ComparisonOperator, Dashboard, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Settings } from '../config/schema.ts';
import { readPrices } from '../cost/prices.ts';
import { alarmsOf } from './alarms.ts';
import { dashboardOf } from './dashboard.ts';
import type { ModelsStack } from './models-stack.ts';
import type { ServiceStack } from './service-stack.ts';

export interface WatchStackProps extends StackProps {
  readonly prefix: string;
  readonly settings: Settings;
  readonly service: Pick<ServiceStack, 'gateway' | 'machines' | 'functions' | 'stackName'>;
  readonly models: Pick<ModelsStack, 'endpoints' | 'tenantEndpoints'>;
}

/** One dashboard, a few alarms that each say what to do, and the budget. Nothing depends on it. */
export class WatchStack extends Stack {
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, props: WatchStackProps) {
    const { prefix, settings, service, models, ...stackProps } = props;
    super(scope, id, stackProps);
    const { email } = settings.alarms;
    const told = email === undefined ? undefined : topic(this, email);
    const alarms = alarmsOf({ service, endpoints: models.endpoints }).map(
      ({ name, number = '', description, metric, ...limit }) => {
        const alarm = new Alarm(this, `${name}${number}`, {
          alarmDescription: `${description} docs/operating.md#${anchorOf(name)}`,
          metric,
          ...limit,
          comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
          treatMissingData: TreatMissingData.NOT_BREACHING,
        });
        if (told) alarm.addAlarmAction(new SnsAction(told));
        return alarm;
      },
    );
    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: prefix,
      widgets: dashboardOf({
        ...{ service, endpoints: models.endpoints, alarms, tiers: Object.keys(settings.quotas) },
        concurrentRequests: settings.scaling.concurrentRequests,
        hourly: hourlyPrices(models, settings),
      }),
    });
    const { dollarsAMonth } = settings.budget;
    if (dollarsAMonth !== undefined) budget(this, dollarsAMonth, email);
  }
}

function hourlyPrices({ endpoints, tenantEndpoints }: WatchStackProps['models'], settings: Settings) {
  const { prices } = readPrices();
  const priced = endpoints.map((endpoint) => {
    const { instanceType } = tenantEndpoints.includes(endpoint) ? settings.tenants : settings.core;
    return [endpoint, prices[instanceType]?.dollars] as const;
  });
  return new Map(priced.filter((pair): pair is readonly [string, number] => pair[1] !== undefined));
}

/** A runbook entry's heading, as a page links to it. */
export function anchorOf(alarm: string): string {
  return alarm.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
}

function topic(scope: Construct, email: string): Topic {
  const made = new Topic(scope, 'Alarms', { displayName: 'Slingshot', enforceSSL: true });
  made.addSubscription(new EmailSubscription(email));
  made.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));
  return made;
}

/** Of the whole account, since costs are told apart by tags that somebody would have to activate. */
function budget(scope: Construct, amount: number, email: string | undefined): void {
  new CfnBudget(scope, 'Budget', {
    budget: { budgetType: 'COST', timeUnit: 'MONTHLY', budgetLimit: { amount, unit: 'USD' } },
    notificationsWithSubscribers:
      email === undefined
        ? []
        : [50, 80, 100].map((threshold) => ({
            notification: { notificationType: 'ACTUAL', comparisonOperator: 'GREATER_THAN', threshold },
            subscribers: [{ subscriptionType: 'EMAIL', address: email }],
          })),
  });
}
