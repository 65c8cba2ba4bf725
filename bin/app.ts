import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { builtArtefacts } from '../lib/cloud/artefacts.ts';
import { readSettings } from '../lib/cloud/settings.ts';
import { SlingshotStack } from '../lib/cloud/slingshot-stack.ts';
import { pinVersions, readFleet } from '../lib/fleet.ts';
import { report } from './terminal/report.ts';

/** The CDK app: `cdk synth`, `cdk deploy`. Settings are context values, `-c coreInstanceType=ml.g5.2xlarge`. */
try {
  const app = new App();
  const settings = readSettings(app.node.getAllContext());
  new SlingshotStack(app, settings.stage === undefined ? 'Slingshot' : `Slingshot-${settings.stage}`, {
    ...{ settings, artefacts: builtArtefacts },
    fleet: await pinVersions(await readFleet(settings.models)),
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
} catch (error) {
  report(error);
}
