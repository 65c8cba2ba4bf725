import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelsStack } from '../../../lib/cloud/models-stack.ts';
import { pinVersions, readFleet } from '../../../lib/fleet.ts';
import { saveModel } from '../../../models/checkpoint/model-directory.ts';
import { Stacks } from '../../support/stacks.ts';
import { tinyConfig, tinyTokenizer, tinyWeights } from '../../support/tiny-fleet.ts';

interface Variant {
  readonly ManagedInstanceScaling: Readonly<Record<string, unknown>>;
}

let stacks: Stacks;
beforeAll(async () => {
  stacks = await Stacks.create();
  await saveModel(join(stacks.tiny.folder, 'core-2'), tinyConfig, await tinyTokenizer(), tinyWeights(tinyConfig, 9));
});
afterAll(() => stacks.remove());

/** What a deployment with these cores has of them: components by name, and which one a new generation is sent to. */
async function deployed(cores: Readonly<Record<string, string>>) {
  const table = (model: string) => ({ routes: [{ from: 0, to: 1, model }], template: 'plain' as const });
  const fleet = await readFleet(stacks.tiny.folder, {
    tenants: { acme: [{ from: 0, to: 1, model: 'acme' }] },
    cores: Object.fromEntries(Object.entries(cores).map(([name, model]) => [name, table(model)])),
  });
  const app = stacks.build({ core: { instances: 2 } }, await pinVersions(fleet));
  const models = app.node.children.find(({ node }) => node.id === 'Slingshot-Models') as ModelsStack;
  const resources = Template.fromStack(models as Stack).findResources('AWS::SageMaker::InferenceComponent');
  return {
    components: resources,
    names: Object.values(resources).map(({ Properties }) => String(Properties.InferenceComponentName)),
    variants: Object.values(Template.fromStack(models as Stack).findResources('AWS::SageMaker::EndpointConfig')).map(
      ({ Properties: { ProductionVariants } }) =>
        ProductionVariants.map(({ ManagedInstanceScaling: { MaxInstanceCount, ...scaling }, ...variant }: Variant) => ({
          ...{ ...variant, ...scaling },
        })),
    ),
    asked: (core: string) => models.catalog.cores[core].routes[0].endpoint.component,
  };
}

describe('a new version of the core', () => {
  it('comes beside the old one, which stays as it is until it is named no more', async () => {
    const before = await deployed({ core: 'core' });
    const both = await deployed({ core: 'core-2', before: 'core' });
    const after = await deployed({ core: 'core-2' });
    const [old] = before.names;
    // Nothing that serves the generations in flight is touched.
    expect(both.components).toMatchObject(before.components);
    // The endpoint may have an instance for the new one besides.
    expect(both.variants).toEqual(before.variants);
    expect(both.names).toHaveLength(2);
    const fresh = both.names.find((name) => name !== old);
    expect([before.asked('core'), both.asked('core'), both.asked('before')]).toEqual([old, fresh, old]);
    // Nor is the new one, when the old one goes.
    expect(both.components).toMatchObject(after.components);
    expect(after.names).toEqual([fresh]);
    expect(after.asked('core')).toBe(fresh);
    // Back is the same setting the other way round: no component changes, the catalog alone does.
    const back = await deployed({ core: 'core', before: 'core-2' });
    expect(back.asked('core')).toBe(old);
    expect(Object.keys(back.components).toSorted()).toEqual(Object.keys(both.components).toSorted());
    expect(back.components).toMatchObject(both.components);
  });
});
