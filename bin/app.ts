import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { builtArtefacts } from '../lib/cloud/artefacts.ts';
import { deployment } from '../lib/cloud/deployment.ts';
import { checkStage, fleetOf } from '../lib/config/check.ts';
import { loadConfig } from '../lib/config/load-config.ts';
import { chosenStages } from '../lib/config/stages.ts';
import { siteFolder } from '../lib/console/cached-site.ts';
import { pinVersions } from '../lib/fleet.ts';
import { report } from './terminal/report.ts';

/**
 * The CDK app: `cdk synth`, `cdk deploy`. Its stages are those of slingshot.config.ts, or those that SLINGSHOT_STAGE
 * names; SLINGSHOT_CONFIG names another file.
 */
try {
  const { SLINGSHOT_CONFIG: file, SLINGSHOT_STAGE: only, CDK_DEFAULT_ACCOUNT: account } = process.env;
  const app = new App();
  const stages = chosenStages(await loadConfig(file), only);
  const site = await siteFolder();
  for (const stage of stages) {
    const fleet = await pinVersions(await fleetOf(stage));
    checkStage(stage, fleet, { account: stages.length === 1 ? account : undefined });
    const { account: own, region, settings } = stage;
    deployment(app, {
      ...{ prefix: `Slingshot-${stage.name}`, settings, fleet, artefacts: builtArtefacts, site },
      ...(own || region ? { env: { ...(own ? { account: own } : {}), ...(region ? { region } : {}) } } : {}),
    });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
} catch (error) {
  report(error);
}
