import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Stack } from 'aws-cdk-lib';
import { Function as Lambda, Runtime } from 'aws-cdk-lib/aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFile, bundleFunctions } from '../../../lib/cloud/bundling.ts';
import { functionCode } from '../../../lib/cloud/function-code.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

/** What they are, and a tenth. */
const mostBytes = { 'invoke-model': 890_000, reduce: 890_000, 'denoise-visit': 910_000 };
/** Of processor time, which other work on the machine changes least; 120 ms were measured. */
const mostMilliseconds = 300;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-bundles-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('what a denoise step waits for when it starts cold', () => {
  beforeAll(() => bundleFunctions(Object.keys(mostBytes), folder));

  it.each(Object.entries(mostBytes))(
    '%s is a small bundle with all that it needs, and loads fast',
    async (name, most) => {
      const bundle = join(folder, name, bundleFile);
      expect((await stat(bundle)).size).toBeLessThan(most);
      const load = `
      const { handler } = await import(${JSON.stringify(bundle)});
      const { user, system } = process.cpuUsage();
      console.log(JSON.stringify([typeof handler, (user + system) / 1000]));`;
      // There is no folder of packages above it, so that it fails for want of what is not in it.
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', load]);
      const [type, milliseconds] = JSON.parse(stdout);
      expect(type).toBe('function');
      expect(milliseconds).toBeLessThan(mostMilliseconds);
    },
  );
});

it('takes the tokenizer along, for one platform, where a function reads texts', async () => {
  const tiny = await tinyFleet();
  try {
    const app = new App({ outdir: join(folder, 'cdk.out'), builtinCloudFormationValidation: false });
    new Lambda(new Stack(app, 'Functions'), 'Prepare', {
      code: functionCode('prepare', tiny.fleet.core.files.text),
      ...{ handler: 'index.handler', runtime: Runtime.NODEJS_24_X },
    });
    const [asset] = (await readdir(app.synth().directory)).filter((name) => name.startsWith('asset.'));
    const files = (await readdir(join(folder, 'cdk.out', asset), { recursive: true })).sort();
    const native = ['node_modules/tokenizers/tokenizers.linux-x64-gnu.node'];
    expect(files.filter((file) => file.endsWith('.node'))).toEqual(native);
    expect(files).toEqual(expect.arrayContaining([bundleFile, 'model/config.json', 'model/tokenizer.json']));
    expect(files.filter((file) => /safetensors/.test(file))).toEqual([]);
  } finally {
    await tiny.remove();
  }
});
