import { DescribeStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { Readiness } from '../contracts/api/resources.ts';
import { sharedTransport } from '../invoke-model/transport.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import { connections } from '../shared/connections.ts';
import { setting } from '../shared/environment.ts';
import { EndpointRejected } from '../shared/errors.ts';
import { getRecord } from '../shared/generations/record-store.ts';
import type { HandlerOf } from './http.ts';

/** Anybody may ask, so that what is asked for it is asked once in a while. */
const keptMilliseconds = 2_000;

let last: { readonly at: number; readonly readiness: Promise<Readiness> } | undefined;

export const getReadiness: HandlerOf<'getReadiness'> = async () => {
  if (!last || Date.now() - last.at > keptMilliseconds) last = { at: Date.now(), readiness: readiness() };
  const body = await last.readiness;
  return { status: body.ready ? 200 : 503, headers: body.ready ? {} : { 'retry-after': '5' }, body };
};

/** What has to be there for a generation, each asked for at the place itself. */
async function readiness(): Promise<Readiness> {
  const checks = {
    catalog: () => loadDeployment(),
    table: () => getRecord('nobody', 'none'),
    'state machine': stateMachine,
    models,
  };
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const started = performance.now();
      const ready = await check().then(
        () => true,
        () => false,
      );
      return [name, { ready, milliseconds: Math.round(performance.now() - started) }] as const;
    }),
  );
  return { ready: results.every(([, { ready }]) => ready), checks: Object.fromEntries(results) };
}

let client: SFNClient | undefined;

async function stateMachine(): Promise<void> {
  client ??= new SFNClient({ requestHandler: connections });
  await client.send(new DescribeStateMachineCommand({ stateMachineArn: setting('SLINGSHOT_GENERATE_ARN') }));
}

/** A container that has its model refuses what is no step; one that has not says that it is not ready. */
async function models(): Promise<void> {
  const { catalog } = await loadDeployment();
  const endpoints = Object.values(catalog.cores).flatMap(({ routes }) => routes.map(({ endpoint }) => endpoint));
  const asked = new Map(endpoints.map((endpoint) => [JSON.stringify(endpoint), endpoint]));
  const nothing = new Uint8Array(0);
  await Promise.all(
    [...asked.values()].map((endpoint) =>
      sharedTransport()(endpoint, nothing).catch((error) => {
        if (!(error instanceof EndpointRejected)) throw error;
      }),
    ),
  );
}
