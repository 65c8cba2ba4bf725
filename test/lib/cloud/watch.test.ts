import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { observeEnd, observeRows, observeSteps, observeThrottle } from '../../../functions/shared/observe.ts';
import { dashboardPicture } from '../../../lib/cloud/dashboard-picture.ts';
import { Stacks } from '../../support/stacks.ts';

const docs = join(import.meta.dirname, '../../../docs');

let stacks: Stacks;
let watch: Template;
beforeAll(async () => {
  stacks = await Stacks.create();
  watch = watchOf({});
});
afterAll(() => stacks.remove());

function watchOf(settings: Parameters<Stacks['build']>[0]): Template {
  const app = stacks.build(settings);
  return Template.fromStack(app.node.children.find(({ node }) => node.id === 'Slingshot-Watch') as Stack);
}

/** The dashboard's body, with what it refers to by name. */
function body(of = watch): { widgets: { properties: { title: string; metrics?: unknown[][] } }[] } {
  const [{ Properties }] = Object.values(of.findResources('AWS::CloudWatch::Dashboard'));
  const join = Properties.DashboardBody['Fn::Join'] as [string, unknown[]];
  return JSON.parse(join[1].map((part) => (typeof part === 'string' ? part : 'reference')).join(''));
}

describe('an alarm', () => {
  it('says what is wrong, and which entry of the runbook says what to do', async () => {
    const runbook = await readFile(join(docs, 'operating.md'), 'utf8');
    const headings = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading.toLowerCase().replaceAll(' ', '-'),
    );
    const alarms = Object.values(watch.findResources('AWS::CloudWatch::Alarm'));
    expect(alarms.length).toBeGreaterThan(3);
    for (const { Properties } of alarms) {
      const [, anchor] = /docs\/operating\.md#(\S+)$/.exec(Properties.AlarmDescription) ?? [];
      expect(headings).toContain(anchor);
    }
  });

  it('is sent to the address that the configuration names, and to nobody without one', () => {
    for (const { Properties } of Object.values(watch.findResources('AWS::CloudWatch::Alarm'))) {
      expect(Properties.AlarmActions).toBeUndefined();
    }
    watch.resourceCountIs('AWS::SNS::Topic', 0);
    const told = watchOf({ alarms: { email: 'on-call@example.com' }, budget: { dollarsAMonth: 2000 } });
    told.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'on-call@example.com' });
    told.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [Match.anyValue()] });
    told.hasResourceProperties('AWS::Budgets::Budget', {
      Budget: { BudgetLimit: { Amount: 2000, Unit: 'USD' } },
      NotificationsWithSubscribers: [50, 80, 100].map((Threshold) =>
        Match.objectLike({ Notification: Match.objectLike({ Threshold }) }),
      ),
    });
  });
});

describe('the dashboard', () => {
  it('shows latency, traffic, errors and saturation first', () => {
    expect(
      body()
        .widgets.slice(0, 4)
        .map(({ properties: { title } }) => title.split(':')[0]),
    ).toEqual(['Latency', 'Traffic', 'Errors', 'Saturation']);
  });

  it('asks for metrics that the functions write, and for none by tenant', () => {
    const written = new Set<string>();
    const out = vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
      const { _aws: about } = JSON.parse(String(line));
      for (const { Dimensions, Metrics } of about.CloudWatchMetrics) {
        for (const { Name } of Metrics) written.add([Name, ...[...Dimensions.flat()].sort()].join(' '));
      }
      return true;
    });
    const routes = { core: { endpoint: 'a' }, 'tenant:acme': { endpoint: 'b' } };
    const milliseconds = { core: { model: 5, transport: 1 }, 'tenant:acme': { model: 2 }, reduce: { total: 1 } };
    // The last step of block 0.
    observeSteps([{ routes, milliseconds, block: 0, step: 11 } as never], 1);
    for (const rows of ['admitted', 'completed', 'failed', 'dropped'] as const) observeRows(rows, 3);
    const lane = { text: 'a', tokens: 5, steps: 10, finish: 'length' as const };
    const times = { createdAt: '2026-11-26T12:00:00Z', endedAt: '2026-11-26T12:00:01Z' };
    const degraded = { without: ['tenant:acme'], block: 0, error: 'EndpointTimeout', tokens: 5 };
    observeEnd({ status: 'succeeded', lanes: [lane], ...times, degraded });
    observeThrottle('trial', 'inFlight');
    out.mockRestore();
    expect([...written].join()).not.toContain('acme');
    const asked = body().widgets.flatMap(({ properties: { metrics = [] } }) =>
      metrics.filter(([namespace]) => namespace === 'reference' || /^Slingshot/.test(String(namespace))),
    );
    expect(asked.length).toBeGreaterThan(10);
    for (const [, name, ...rest] of asked) {
      const dimensions = rest.filter((part, i) => typeof part === 'string' && i % 2 === 0).sort();
      expect(dimensions).not.toContain('tenant');
      expect([...written]).toContain([name, ...dimensions].join(' '));
    }
  });

  it('has a metric of each row of the service’s work: halting, batches that wait, what is refused, what it costs', () => {
    const titles = body().widgets.map(({ properties: { title } }) => title);
    for (const word of ['halted', 'wait', 'Refused', 'instances', 'tokens', 'in flight']) {
      expect(titles.filter((title) => title.includes(word))).not.toEqual([]);
    }
  });

  it('counts instances at the price of what each endpoint runs on, and those of no known price not at all', () => {
    const spent = (settings: Parameters<Stacks['build']>[0]) => {
      const { properties } =
        body(watchOf(settings)).widgets.find(({ properties: { title } }) => /instances/.test(title)) ?? {};
      return properties?.metrics
        ?.flat()
        .find((part) => /FILL/.test((part as { expression?: string })?.expression ?? ''));
    };
    expect(spent({})).toMatchObject({ expression: '1.408 * FILL(e0, 0) + 0.736 * FILL(e1, 0)' });
    const unknown = { core: { instanceType: 'ml.p5.48xlarge' } };
    expect(spent(unknown)).toMatchObject({ expression: '0.736 * FILL(e0, 0)' });
  });

  it('is drawn in the docs by its definition', async () => {
    await expect(dashboardPicture(JSON.stringify(body()))).toMatchFileSnapshot(join(docs, 'pictures/dashboard.svg'));
  });
});
