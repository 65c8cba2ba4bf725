import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { builtArtefacts } from '../lib/cloud/artefacts.ts';
import { SlingshotStack } from '../lib/cloud/slingshot-stack.ts';
import { readFleet } from '../lib/fleet.ts';

/** The CDK app: `cdk synth`, `cdk deploy`. Settings are context values, `-c coreInstanceType=ml.g5.2xlarge`. */
const app = new App();
const setting = (name: string, fallback: string): string => app.node.tryGetContext(name) ?? fallback;
const coreInstances: string | undefined = app.node.tryGetContext('coreInstances');
new SlingshotStack(app, 'Slingshot', {
  fleet: await readFleet(app.node.tryGetContext('models')),
  artefacts: builtArtefacts,
  kept: Number(setting('kept', '256')),
  coreInstanceType: setting('coreInstanceType', 'ml.g5.xlarge'),
  ...(coreInstances === undefined ? {} : { coreInstances: Number(coreInstances) }),
  tenantInstanceType: setting('tenantInstanceType', 'ml.g4dn.xlarge'),
});
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
