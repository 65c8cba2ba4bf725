import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalComponents } from '../../../lib/local/components.ts';

let folder: string;
let endpoints: Map<string, string>;
let stopped: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-components-'));
  [endpoints, stopped] = [new Map(), []];
});
afterEach(() => rm(folder, { recursive: true }));

/** Components whose processes are names, and where a model that is damaged ends its own. */
async function restored() {
  const components = new LocalComponents({
    ...{ endpoints, folder, core: '-', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
    start: async ({ name, directory }) => {
      if (name === 'damaged') throw new Error(`the model server of ${name} ended (1): ${directory}: no weights`);
      return {
        url: `http://${name}`,
        stop: async () => {
          stopped.push(name);
        },
      };
    },
  });
  await components.restore();
  const tasks = new Map(components.tasks());
  return (act: string, input: object) => tasks.get(`arn:aws:states:::aws-sdk:sagemaker:${act}`)?.(input);
}

const statusOf = (act: Awaited<ReturnType<typeof restored>>, name: string) =>
  act('describeInferenceComponent', { InferenceComponentName: name });

describe('components that were there when the service stopped', () => {
  it('are there again, at their endpoints, and can be taken away', async () => {
    for (const name of ['one@tenants-0', 'two@tenants-1'])
      await mkdir(join(folder, name, 'model'), { recursive: true });
    const act = await restored();
    expect(Object.fromEntries(endpoints)).toEqual({ 'tenants-0/one': 'http://one', 'tenants-1/two': 'http://two' });
    expect(await statusOf(act, 'one')).toMatchObject({ InferenceComponentStatus: 'InService' });
    await act('deleteInferenceComponent', { InferenceComponentName: 'one' });
    expect([...endpoints.keys()]).toEqual(['tenants-1/two']);
    expect(stopped).toEqual(['one']);
    expect(await readdir(folder)).toEqual(['two@tenants-1']);
    await expect(statusOf(act, 'one')).rejects.toThrow('Could not find inference component one');
  });

  it('are there without one that is damaged, which has failed and says why', async () => {
    for (const name of ['damaged@tenants-0', 'whole@tenants-0']) await mkdir(join(folder, name), { recursive: true });
    const act = await restored();
    expect([...endpoints.keys()]).toEqual(['tenants-0/whole']);
    expect(await statusOf(act, 'damaged')).toMatchObject({
      InferenceComponentStatus: 'Failed',
      FailureReason: expect.stringContaining('no weights'),
    });
    await act('deleteInferenceComponent', { InferenceComponentName: 'damaged' });
    expect(await readdir(folder)).toEqual(['whole@tenants-0']);
  });

  it('are none where one was only being unpacked, or nothing ever was', async () => {
    await mkdir(join(folder, 'half@tenants-0.part', 'model'), { recursive: true });
    await mkdir(join(folder, 'other'));
    await restored();
    expect(endpoints.size).toBe(0);
    expect(await readdir(folder)).toEqual(['other']);
    await rm(folder, { recursive: true });
    await restored();
    expect(endpoints.size).toBe(0);
    await mkdir(folder);
  });
});
