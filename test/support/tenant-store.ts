import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { defaultTiers, type Tiers } from '../../functions/contracts/tiers.ts';
import { serviceTable } from '../../lib/cloud/service-table.ts';
import { surround } from '../../lib/cloud/surroundings.ts';
import { Tenancy } from '../../lib/cloud/tenancy.ts';
import { LocalAws } from '../../lib/local/aws-environment.ts';
import { readTemplate } from '../../lib/local/definitions.ts';
import { startDynamoDb } from '../../lib/local/dynamodb.ts';
import { Identities } from '../../lib/local/iam/identities.ts';
import { startSts } from '../../lib/local/iam/sts.ts';
import { startS3 } from '../../lib/local/s3.ts';

export interface TenantStore {
  /** What a function that acts for tenants has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly table: string;
  readonly bucket: string;
  readonly role: string;
  stop(): Promise<void>;
}

/** Table, bucket and STS on loopback, guarded by the synthesised policy, without anything else of a cloud. */
export async function tenantStore({ tiers = defaultTiers }: { tiers?: Tiers } = {}): Promise<TenantStore> {
  const folder = mkdtempSync(join(tmpdir(), 'slingshot-store-'));
  const app = new App({ outdir: folder, analyticsReporting: false });
  const stack = new Stack(app, 'Store');
  surround(stack, { logDays: 1 });
  const tenancy = new Tenancy(stack, { bucket: new Bucket(stack, 'Bucket'), table: serviceTable(stack), tiers });
  tenancy.actsForTenants(new Role(stack, 'Function', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }));
  const template = app.synth().getStackArtifact(stack.artifactId).template;
  const { buckets, tables, roles } = readTemplate(template);
  const aws = new LocalAws();
  const identities = new Identities(aws.credentials, roles);
  const services = [await startSts(identities), await startS3({ buckets, identities })];
  for (const service of services) aws.add(service);
  services.push(await startDynamoDb({ tables, identities }));
  aws.add(services[2]);
  const [role] = roles.keys();
  return {
    environment: {
      SLINGSHOT_TABLE: tables[0],
      SLINGSHOT_TENANT_ROLE: role,
      SLINGSHOT_TIERS: tenancy.environment.SLINGSHOT_TIERS,
      SLINGSHOT_BUCKET: buckets[0],
    },
    ...{ table: tables[0], bucket: buckets[0], role },
    async stop() {
      aws.restore();
      await Promise.all(services.map(({ stop }) => stop()));
      rmSync(folder, { recursive: true });
    },
  };
}
