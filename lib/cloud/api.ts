import { Duration } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  ApiKeySourceType,
  AuthorizationType,
  EndpointType,
  type IAuthorizer,
  type IResource,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  ResponseTransferMode,
  ResponseType,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { type ProblemCode, problemContentType, problemKinds } from '../../functions/contracts/problem.ts';
import type { Route } from '../../functions/contracts/routes/route.ts';
import { routes } from '../../functions/contracts/routes.ts';
import type { Settings } from '../config/schema.ts';
import { acknowledge } from './acknowledge.ts';
import { logs } from './logs.ts';
import { type ServiceFunctions, streamMinutes } from './service-functions.ts';
import { usagePlans } from './usage-plans.ts';

export interface ApiProps {
  readonly functions: ServiceFunctions;
  readonly authorizer: IAuthorizer;
  readonly settings: Pick<Settings, 'quotas' | 'network'>;
}

/** What the gateway says by itself, as the same body that the functions give. */
const gatewayProblems: readonly (readonly [ResponseType, ProblemCode, string, number?])[] = [
  [ResponseType.UNAUTHORIZED, 'invalid_api_key', 'authorization: Bearer and a key are needed'],
  [ResponseType.ACCESS_DENIED, 'invalid_api_key', 'authorization: the key is none that is in use'],
  [ResponseType.MISSING_AUTHENTICATION_TOKEN, 'not_found', 'there is no such route'],
  [ResponseType.RESOURCE_NOT_FOUND, 'not_found', 'there is no such route'],
  [ResponseType.REQUEST_TOO_LARGE, 'body_too_large', 'the body is larger than the gateway takes'],
  [ResponseType.UNSUPPORTED_MEDIA_TYPE, 'unsupported_media_type', 'the content type is not one that is read'],
  [ResponseType.THROTTLED, 'rate_limit_exceeded', 'too many requests a second; try again', 1],
  [ResponseType.QUOTA_EXCEEDED, 'rate_limit_exceeded', 'the quota is used up', 3600],
  [ResponseType.AUTHORIZER_FAILURE, 'internal_error', 'the key could not be looked up'],
  [ResponseType.AUTHORIZER_CONFIGURATION_ERROR, 'internal_error', 'the key could not be looked up'],
  [ResponseType.INTEGRATION_TIMEOUT, 'generation_timeout', 'no answer came in time'],
  [ResponseType.DEFAULT_4XX, 'invalid_request', 'the gateway does not take the request'],
  [ResponseType.DEFAULT_5XX, 'internal_error', 'the gateway failed'],
];

/** The REST API: a method a route, an authoriser on every one that takes a key, streams where the route has them. */
export function api(scope: Construct, { functions, authorizer, settings }: ApiProps): RestApi {
  const { quotas, network } = settings;
  const { corsOrigins } = network;
  const made = new RestApi(scope, 'Gateway', {
    restApiName: 'Slingshot',
    endpointTypes: [EndpointType.REGIONAL],
    cloudWatchRole: false,
    // A form may carry what is no text.
    binaryMediaTypes: ['multipart/form-data'],
    // What the authoriser says of a tier, by which usage plans go; callers show no key of API Gateway's.
    apiKeySourceType: ApiKeySourceType.AUTHORIZER,
    deployOptions: {
      stageName: 'live',
      ...{ throttlingRateLimit: network.requestsPerSecond, throttlingBurstLimit: network.requestBurst },
      accessLogDestination: new LogGroupLogDestination(logs(scope, 'AccessLogs')),
      accessLogFormat: AccessLogFormat.jsonWithStandardFields(),
      loggingLevel: MethodLoggingLevel.ERROR,
      ...{ dataTraceEnabled: false, tracingEnabled: true, metricsEnabled: true },
    },
    ...(corsOrigins.length > 0
      ? {
          defaultCorsPreflightOptions: {
            allowOrigins: [...corsOrigins],
            allowHeaders: corsHeaders,
            allowMethods: ['GET', 'POST', 'DELETE'],
            exposeHeaders: exposedHeaders,
            maxAge: Duration.hours(1),
          },
        }
      : {}),
  });
  const integrations = {
    api: new LambdaIntegration(functions.api, { allowTestInvoke: false, scopePermissionToMethod: false }),
    operate: new LambdaIntegration(functions.operate, { allowTestInvoke: false, scopePermissionToMethod: false }),
    stream: new LambdaIntegration(functions.stream, {
      ...{ allowTestInvoke: false, scopePermissionToMethod: false },
      responseTransferMode: ResponseTransferMode.STREAM,
      timeout: Duration.minutes(streamMinutes),
    }),
  };
  for (const route of Object.values<Route>(routes)) {
    const resource = resourceAt(made.root, route.path);
    const method = resource.addMethod(
      route.method,
      integrations[route.function],
      route.scope ? { authorizer, apiKeyRequired: true } : { authorizationType: AuthorizationType.NONE },
    );
    acknowledge(method, {
      COG4: 'Callers show API keys, which the authoriser looks up; there is no user pool.',
      ...(route.scope ? {} : { APIG4: 'Readiness and the document are for everybody.' }),
    });
  }
  for (const [type, code, detail, retryAfter] of gatewayProblems) {
    made.addGatewayResponse(type.responseType, gatewayResponse(type, code, detail, retryAfter));
  }
  acknowledge(made, { APIG2: 'Requests are validated by the functions, whose errors name the field.' });
  usagePlans(scope, made.deploymentStage, quotas);
  if (network.firewall) firewall(scope, made);
  else
    acknowledge(made.deploymentStage, {
      APIG3: 'AWS WAF stands before the gateway where the setting network.firewall is on.',
    });
  return made;
}

const corsHeaders = ['authorization', 'content-type', 'idempotency-key', 'last-event-id', 'prefer'];
const exposedHeaders = [
  'location',
  'retry-after',
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'slingshot-degraded',
];

function resourceAt(root: IResource, path: string): IResource {
  const segments = path.split('/').filter((segment) => segment !== '');
  return segments.reduce((parent, segment) => parent.getResource(segment) ?? parent.addResource(segment), root);
}

function gatewayResponse(type: ResponseType, code: ProblemCode, detail: string, retryAfter?: number) {
  const { status, type: errorType, title, retry } = problemKinds[code];
  const isDefault = type === ResponseType.DEFAULT_4XX || type === ResponseType.DEFAULT_5XX;
  const body = JSON.stringify({
    type: `/errors/${code.replaceAll('_', '-')}`,
    ...{ title, status, detail, instance: '/requests/$context.requestId' },
    error: { message: detail, type: errorType, param: null, code },
  });
  return {
    type,
    // A default stands for several statuses, of which each keeps its own.
    ...(isDefault ? {} : { statusCode: String(status) }),
    responseHeaders: {
      'x-request-id': 'context.requestId',
      'x-should-retry': `'${retry}'`,
      'content-type': `'${problemContentType}'`,
      ...(retryAfter === undefined ? {} : { 'retry-after': `'${retryAfter}'` }),
    },
    templates: { 'application/json': body },
  };
}

/** AWS's own rules against what is known to be harmful, and a limit on one address. */
function firewall(scope: Construct, made: RestApi): void {
  const visible = (metricName: string) => ({
    ...{ cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false, metricName },
  });
  const acl = new CfnWebACL(scope, 'Firewall', {
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    visibilityConfig: visible('slingshot'),
    rules: [
      {
        ...{ name: 'known-bad', priority: 0, overrideAction: { none: {} }, visibilityConfig: visible('known-bad') },
        statement: {
          managedRuleGroupStatement: { vendorName: 'AWS', name: 'AWSManagedRulesKnownBadInputsRuleSet' },
        },
      },
      {
        ...{ name: 'address', priority: 1, action: { block: {} }, visibilityConfig: visible('address') },
        statement: { rateBasedStatement: { limit: 10_000, aggregateKeyType: 'IP' } },
      },
    ],
  });
  new CfnWebACLAssociation(scope, 'FirewallOfGateway', {
    resourceArn: made.deploymentStage.stageArn,
    webAclArn: acl.attrArn,
  });
}
