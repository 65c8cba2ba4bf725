import { Match, type Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemSchema } from '../../../functions/contracts/problem.ts';
import type { Route } from '../../../functions/contracts/routes/route.ts';
import { routeIds, routes } from '../../../functions/contracts/routes.ts';
import { functionFolder } from '../../../lib/cloud/function-folder.ts';
import { Stacks, templates } from '../../support/stacks.ts';

let stacks: Stacks;
let template: Template;
beforeAll(async () => {
  stacks = await Stacks.create();
  [template] = templates(stacks.build());
});
afterAll(() => stacks.remove());

/** Paths of resources by logical id. */
function paths(): Map<string, string> {
  const resources = template.findResources('AWS::ApiGateway::Resource');
  const pathOf = (id: string): string => {
    const made = resources[id];
    if (!made) return '';
    const parent = made.Properties.ParentId;
    return `${'Ref' in parent ? pathOf(parent.Ref) : ''}/${made.Properties.PathPart}`;
  };
  return new Map(Object.keys(resources).map((id) => [id, pathOf(id)]));
}

const methods = () => {
  const at = paths();
  return Object.values(template.findResources('AWS::ApiGateway::Method')).map(({ Properties }) => ({
    ...Properties,
    route: `${Properties.HttpMethod} ${at.get(Properties.ResourceId.Ref)}`,
    // biome-ignore lint/suspicious/noExplicitAny: a template's properties have any shape
  })) as Record<string, any>[];
};

describe('the gateway', () => {
  it('has a method for each route, and no other', () => {
    const wanted = routeIds.map((id) => `${routes[id].method} ${routes[id].path}`);
    expect(
      methods()
        .map(({ route }) => route)
        .sort(),
    ).toEqual(wanted.sort());
  });

  it('asks the authoriser on each but readiness and the document', () => {
    for (const method of methods()) {
      const isOpen = ['GET /v1/ready', 'GET /openapi.json'].includes(method.route);
      expect(method.AuthorizationType, method.route).toBe(isOpen ? 'NONE' : 'CUSTOM');
      expect(method.ApiKeyRequired ?? false, method.route).toBe(!isOpen);
    }
    template.hasResourceProperties('AWS::ApiGateway::Authorizer', { Type: 'TOKEN', AuthorizerResultTtlInSeconds: 60 });
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { ApiKeySourceType: 'AUTHORIZER' });
  });

  it('streams what the routes say, for as long as it lets it', () => {
    const folders = Object.fromEntries(
      Object.entries(template.findResources('AWS::Lambda::Function')).map(([id, { Metadata }]) => [
        id,
        Metadata[functionFolder],
      ]),
    );
    for (const { route, Integration } of methods()) {
      const id = routeIds.find((one) => `${routes[one].method} ${routes[one].path}` === route);
      const wanted: Route = routes[id as keyof typeof routes];
      const uri = JSON.stringify(Integration.Uri);
      const called = Object.keys(folders).find((one) => uri.includes(`"${one}"`));
      expect(folders[called as string], route).toBe(wanted.function);
      const streams = wanted.function === 'stream';
      expect(Integration.ResponseTransferMode, route).toBe(streams ? 'STREAM' : undefined);
      expect(Integration.TimeoutInMillis, route).toBe(streams ? 900_000 : undefined);
      expect(uri.includes('response-streaming-invocations'), route).toBe(streams);
    }
  });

  it('refuses in the same body as the functions', () => {
    const responses = Object.values(template.findResources('AWS::ApiGateway::GatewayResponse'));
    const types = responses.map(({ Properties }) => Properties.ResponseType);
    expect(types).toEqual(
      expect.arrayContaining(['DEFAULT_4XX', 'DEFAULT_5XX', 'UNAUTHORIZED', 'THROTTLED', 'ACCESS_DENIED']),
    );
    for (const { Properties } of responses) {
      const body = problemSchema.parse(JSON.parse(Properties.ResponseTemplates['application/json']));
      expect(Properties.StatusCode ?? String(body.status)).toBe(String(body.status));
      expect(Properties.ResponseParameters).toMatchObject({
        'gatewayresponse.header.x-request-id': 'context.requestId',
        'gatewayresponse.header.content-type': "'application/problem+json'",
      });
    }
  });

  it('throttles, logs no text, and lets no page of another origin call, unless told otherwise', () => {
    template.hasResourceProperties('AWS::ApiGateway::Stage', {
      MethodSettings: [
        Match.objectLike({ ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200, DataTraceEnabled: false }),
      ],
      AccessLogSetting: Match.objectLike({ DestinationArn: Match.anyValue() }),
    });
    template.resourceCountIs('AWS::WAFv2::WebACL', 0);
    const [open] = templates(
      stacks.build({ network: { firewall: true, corsOrigins: ['https://console.example.com'] } }),
    );
    open.resourceCountIs('AWS::WAFv2::WebACL', 1);
    open.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
    const options = Object.values(open.findResources('AWS::ApiGateway::Method')).filter(
      ({ Properties }) => Properties.HttpMethod === 'OPTIONS',
    );
    expect(options.length).toBeGreaterThan(0);
    expect(JSON.stringify(options[0])).toContain("'https://console.example.com'");
  });

  it('has a usage plan a tier', () => {
    template.resourceCountIs('AWS::ApiGateway::UsagePlan', 3);
  });
});

it('an execution that ended, however it did, is told to the function that puts it down', () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    EventPattern: {
      source: ['aws.states'],
      detail: { status: ['FAILED', 'TIMED_OUT', 'ABORTED'], stateMachineArn: [Match.anyValue(), Match.anyValue()] },
    },
  });
});

it('a file that is dropped into a tenant’s folder is told to the function that makes a batch of it, or kept', () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    EventPattern: {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: {
        object: {
          key: [{ wildcard: 'tenants/*/batches/in/*.jsonl' }, { wildcard: 'tenants/*/batches/in/*.jsonl.gz' }],
        },
      },
    },
    Targets: [{ DeadLetterConfig: { Arn: Match.anyValue() }, RetryPolicy: { MaximumRetryAttempts: 185 } }],
  });
});
