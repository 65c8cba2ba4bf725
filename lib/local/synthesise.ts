import { App, Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Artefacts } from '../cloud/artefacts.ts';
import { deployment } from '../cloud/deployment.ts';
import { settingsSchema } from '../config/schema.ts';
import type { Fleet } from '../fleet.ts';
import { localCatalog, localPrefix } from './local-catalog.ts';
import { mergeTemplates } from './merge-templates.ts';
import type { Template, TemplateOptions } from './template.ts';

/** Models are served from their folders here. Assets would be hashed into a cache under the user's home, too. */
export const unbuiltArtefacts: Artefacts = {
  image: () => ({ uri: 'local/serving', mayRead: [] }),
  weights: (_, [{ name }]) => ({ uri: `s3://local/${name}.tar.gz`, mayRead: [] }),
  catalog: () => ({
    uri: `s3://${localCatalog.bucket}/${localCatalog.key}`,
    mayRead: [
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [`arn:aws:s3:::${localCatalog.bucket}/${localCatalog.key}`],
      }),
    ],
  }),
};

/**
 * What `cdk deploy` would deploy for this fleet, all its stacks in one template, less what its models are made of. Code is
 * not bundled: the local cloud runs handlers from their sources.
 *
 * @param outdir a folder for what the CDK writes
 */
export function synthesise(
  fleet: Fleet,
  { kept, endpointTimeoutMilliseconds, tiers, heartbeatSeconds }: TemplateOptions,
  outdir: string,
): Template {
  const app = new App({
    outdir,
    context: { 'aws:cdk:bundling-stacks': [] },
    analyticsReporting: false,
    // Takes seconds, and `cdk synth` does it before anything is deployed.
    builtinCloudFormationValidation: false,
  });
  const network = { heartbeatSeconds };
  const settings = settingsSchema.parse({ kept, network, ...(tiers ? { quotas: tiers } : {}) });
  const { data, models, service } = deployment(app, {
    ...{ prefix: localPrefix, fleet, settings, artefacts: unbuiltArtefacts },
    endpointTimeout: Duration.millis(endpointTimeoutMilliseconds),
  });
  const assembly = app.synth();
  return mergeTemplates(
    [data, models, service].map(({ artifactId }) => assembly.getStackArtifact(artifactId).template),
  );
}
