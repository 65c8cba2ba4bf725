import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { list } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtArtefacts } from '../../../lib/cloud/artefacts.ts';
import { deployment } from '../../../lib/cloud/deployment.ts';
import type { ModelsStack } from '../../../lib/cloud/models-stack.ts';
import { settingsSchema } from '../../../lib/config/schema.ts';
import { pinVersions } from '../../../lib/fleet.ts';
import { tinyAdaptedSpecialists } from '../../support/tiny-adapted-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyAdaptedSpecialists>>;
let outdir: string;
let models: ModelsStack;
let template: Template;
beforeAll(async () => {
  tiny = await tinyAdaptedSpecialists();
  outdir = mkdtempSync(join(tmpdir(), 'slingshot-adapters-'));
  const app = new App({
    ...{ outdir, analyticsReporting: false },
    context: { 'aws:cdk:bundling-stacks': ['Slingshot-Models'] },
  });
  const fleet = await pinVersions(tiny.fleet);
  ({ models } = deployment(app, {
    ...{ prefix: 'Slingshot', fleet, artefacts: builtArtefacts, settings: settingsSchema.parse({}) },
  }));
  template = Template.fromStack(models as Stack);
});
afterAll(async () => {
  rmSync(outdir, { recursive: true });
  await tiny.remove();
});

describe('a core and its specialists over one base', () => {
  it('are one inference component on one GPU, whose container serves all of them', () => {
    template.resourceCountIs('AWS::SageMaker::InferenceComponent', 1);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [{ InitialInstanceCount: 1, ManagedInstanceScaling: { MaxInstanceCount: 4 } }],
    });
    const [{ Properties }] = Object.values(template.findResources('AWS::SageMaker::InferenceComponent'));
    const { cores } = models.catalog;
    const endpoints = cores.specialists.routes.map(({ endpoint }) => endpoint);
    expect(endpoints.map(({ adapter }) => adapter)).toEqual(['core', 'middle', 'high']);
    for (const { component } of endpoints) expect(component).toBe(Properties.InferenceComponentName);
    expect(new Set(endpoints.map(({ version }) => version)).size).toBe(3);
    const served = Object.values(template.findResources('AWS::SageMaker::Model')).map(
      (model) => model.Properties.PrimaryContainer.Environment,
    );
    const [environment] = served.filter(({ SLINGSHOT_ADAPTERS }) => SLINGSHOT_ADAPTERS);
    expect(environment.SLINGSHOT_ADAPTERS.split(',').toSorted()).toEqual(['core', 'high', 'middle']);
    expect(environment.SLINGSHOT_MODEL_DIRECTORY).toMatch(/^\/opt\/ml\/model\/(core|high|middle)$/);
  });

  it('come in one archive, with their base once', async () => {
    const archives = (await readdir(outdir, { recursive: true })).filter((name) => name.endsWith('.tar.gz'));
    const contents = await Promise.all(
      archives.map(async (name) => {
        const paths: string[] = [];
        await list({ file: join(outdir, name), onReadEntry: ({ path }) => paths.push(path) });
        return paths;
      }),
    );
    const [together] = contents.filter((paths) => paths.includes('high/config.json'));
    expect(together).toEqual(expect.arrayContaining(['core/config.json', 'middle/config.json', 'base/config.json']));
    expect(together.filter((path) => path === 'base/config.json')).toHaveLength(1);
    expect(new Set(together).size).toBe(together.length);
  });
});
