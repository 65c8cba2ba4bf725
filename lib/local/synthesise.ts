import { App } from 'aws-cdk-lib';
import { SlingshotStack } from '../cloud/slingshot-stack.ts';
import type { Fleet } from '../fleet.ts';

/** A CloudFormation template, as far as the local cloud reads it. */
export interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>>;
}

/**
 * The template that `cdk deploy` would deploy for this fleet. Code is not bundled: the local cloud runs handlers from
 * their sources.
 */
export function synthesise(fleet: Fleet, kept: number): Template {
  const app = new App({
    context: { 'aws:cdk:bundling-stacks': [] },
    analyticsReporting: false,
    // Takes seconds, and `cdk synth` does it before anything is deployed.
    builtinCloudFormationValidation: false,
  });
  const stack = new SlingshotStack(app, 'Slingshot', {
    fleet,
    kept,
    coreInstanceType: 'ml.g5.xlarge',
    tenantInstanceType: 'ml.g4dn.xlarge',
  });
  return app.synth().getStackArtifact(stack.artifactId).template;
}
