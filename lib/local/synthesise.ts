import { App, Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Artefacts } from '../cloud/artefacts.ts';
import { settingsSchema } from '../cloud/settings.ts';
import { SlingshotStack } from '../cloud/slingshot-stack.ts';
import type { Fleet } from '../fleet.ts';
import { localCatalog } from './local-catalog.ts';
import type { Template, TemplateOptions } from './template.ts';

/** Models are served from their folders here. Assets would be hashed into a cache under the user's home, too. */
export const unbuiltArtefacts: Artefacts = {
  image: () => ({ uri: 'local/serving', mayRead: [] }),
  weights: (_, { name }) => ({ uri: `s3://local/${name}.tar.gz`, mayRead: [] }),
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
 * The template that `cdk deploy` would deploy for this fleet, less what its models are made of. Code is not bundled: the
 * local cloud runs handlers from their sources.
 *
 * @param outdir a folder for what the CDK writes
 */
export function synthesise(
  fleet: Fleet,
  { kept, endpointTimeoutMilliseconds, tiers }: TemplateOptions,
  outdir: string,
): Template {
  const app = new App({
    outdir,
    context: { 'aws:cdk:bundling-stacks': [] },
    analyticsReporting: false,
    // Takes seconds, and `cdk synth` does it before anything is deployed.
    builtinCloudFormationValidation: false,
  });
  const settings = settingsSchema.parse({ kept, ...(tiers ? { tiers } : {}) });
  const stack = new SlingshotStack(app, 'Slingshot', {
    ...{ fleet, settings, artefacts: unbuiltArtefacts },
    endpointTimeout: Duration.millis(endpointTimeoutMilliseconds),
  });
  return app.synth().getStackArtifact(stack.artifactId).template;
}
