import { App } from 'aws-cdk-lib';
import type { Artefacts } from '../cloud/artefacts.ts';
import { SlingshotStack } from '../cloud/slingshot-stack.ts';
import type { Fleet } from '../fleet.ts';

/** A CloudFormation template, as far as the local cloud reads it. */
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** Models are served from their folders here. Assets would be hashed into a cache under the user's home, too. */
const unbuilt: Artefacts = {
  image: () => ({ uri: 'local', grantRead() {} }),
  weights: (_, { name }) => ({ uri: `local:${name}`, grantRead() {} }),
};

/**
 * The template that `cdk deploy` would deploy for this fleet, less what its models are made of. Code is not bundled: the
 * local cloud runs handlers from their sources.
 *
 * @param outdir a folder for what the CDK writes
 */
export function synthesise(fleet: Fleet, kept: number, outdir: string): Template {
  const app = new App({
    outdir,
    context: { 'aws:cdk:bundling-stacks': [] },
    analyticsReporting: false,
    // Takes seconds, and `cdk synth` does it before anything is deployed.
    builtinCloudFormationValidation: false,
  });
  const stack = new SlingshotStack(app, 'Slingshot', {
    ...{ fleet, kept },
    artefacts: unbuilt,
    coreInstanceType: 'ml.g5.xlarge',
    tenantInstanceType: 'ml.g4dn.xlarge',
  });
  return app.synth().getStackArtifact(stack.artifactId).template;
}
