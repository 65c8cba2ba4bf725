import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtArtefacts } from '../../../lib/cloud/artefacts.ts';
import { loadStepModel } from '../../../models/inference/step-model.ts';
import { decodeAnswer, encodeInvocation } from '../../../models/serving/protocol.ts';
import { chainOf, readDockerfile } from '../../support/container/dockerfile.ts';
import { type Build, buildImage, type Image } from '../../support/container/image.ts';
import { canIsolate, IsolatedContainer } from '../../support/container/isolated.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

const root = join(import.meta.dirname, '../../..');

let folder: string;
let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let builds: Record<'cpu' | 'cuda', Build>;
let image: Image;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-image-'));
  tiny = await tinyFleet();
  builds = { cpu: await handed('cpu'), cuda: await handed('cuda') };
  image = buildImage(builds.cpu, join(folder, 'image'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await tiny.remove();
});

/** What the CDK hands to `docker build`. */
async function handed(provider: 'cpu' | 'cuda'): Promise<Build> {
  const app = new App({
    ...{ outdir: join(folder, provider), analyticsReporting: false, builtinCloudFormationValidation: false },
  });
  builtArtefacts.image(new Stack(app, 'Serving'), provider);
  const { directory } = app.synth();
  const assets = (await readdir(directory)).find((name) => name.endsWith('.assets.json')) as string;
  const { dockerImages } = JSON.parse(await readFile(join(directory, assets), 'utf8'));
  const [{ source }] = Object.values<{ source: Record<string, never> }>(dockerImages);
  return {
    context: join(directory, source.directory),
    dockerfile: source.dockerFile,
    arguments: source.dockerBuildArgs,
    packages: join(root, 'node_modules'),
  };
}

async function sizeOf(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => stat(file)))).reduce((sum, { size }) => sum + size, 0);
}

describe('the image', () => {
  it('begins with an image that is pinned by its digest, in either variant', () => {
    const chains = Object.values(builds).map((build) => chainOf(stagesOf(build)));
    expect(chains.map(({ image }) => image)).toEqual([
      expect.stringMatching(/^node:24\.\d+\.\d+-bookworm-slim@sha256:[0-9a-f]{64}$/),
      expect.stringMatching(/^nvidia\/cuda:[\w.-]+@sha256:[0-9a-f]{64}$/),
    ]);
  });

  it('has ONNX Runtime’s CUDA provider in the CUDA variant alone', () => {
    const [cpu, cuda] = [builds.cpu, builds.cuda].map((build) =>
      chainOf(stagesOf(build), 'packages').stages.flatMap(({ instructions }) => instructions.map(({ text }) => text)),
    );
    const installs = /ONNXRUNTIME_NODE_INSTALL=cuda/;
    expect(cpu.join('\n')).not.toMatch(installs);
    expect(cuda.join('\n')).toMatch(installs);
    expect(image.environment.SLINGSHOT_PROVIDER).toBe('cpu');
  });

  it('has neither weights, nor training, nor tests, nor packages of development or of other platforms', async () => {
    const at = join(image.root, image.workingDirectory);
    expect((await readdir(at)).sort()).toEqual([
      '.npmrc',
      'models',
      'node_modules',
      'package-lock.json',
      'package.json',
    ]);
    expect(await readdir(join(at, 'models'))).not.toContain('weights');
    expect(await readdir(join(at, 'models'))).not.toContain('training');
    const packages = await readdir(join(at, 'node_modules'));
    expect(packages).not.toContain('typescript');
    expect(packages).not.toContain('aws-cdk-lib');
    const native = (await readdir(at, { recursive: true })).filter((path) => /\.(node|dll|dylib)$/.test(path)).sort();
    expect(native).toEqual([
      'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node',
      'node_modules/tokenizers/tokenizers.linux-x64-gnu.node',
    ]);
    // 212 MB, and a tenth: a copy that is added waits until the image is there.
    expect(await sizeOf(image.root)).toBeLessThan(233e6);
  });

  it('starts as nobody who may do anything', () => {
    const [user, group] = image.user.split(':').map(Number);
    expect(user).toBeGreaterThan(0);
    expect(group).toBeGreaterThan(0);
    expect(image.command).toEqual(['serve']);
  });
});

const stagesOf = ({ context, dockerfile, arguments: given }: Build) =>
  readDockerfile(readFileSync(join(context, dockerfile), 'utf8'), given);

describe.skipIf(!canIsolate)('the container, with no network, nothing to write into and no rights', () => {
  let opt: string;
  let container: IsolatedContainer;
  const lane = { context: [5, 6, 7], tokens: null, previous: null, seed: 9, lane: 0, block: 0, step: 0, steps: 6 };
  const invocation = (lanes = 1) => encodeInvocation({ lanes: Array(lanes).fill(lane), kept: 24, owner: 'x' });

  beforeAll(async () => {
    // /opt as SageMaker has it: the image's own, and the model.
    opt = join(image.root, 'opt');
    await cp(tiny.fleet.core.directory, join(opt, 'ml/model'), { recursive: true });
    container = new IsolatedContainer(image, ['serve'], { opt });
    await ready(container);
  });
  afterAll(async () => {
    if (container.process.exitCode === null) await container.end('SIGKILL');
  });

  it('is so confined', async () => {
    const status = await container.about('status');
    const [user] = image.user.split(':');
    expect(status).toMatch(new RegExp(`^Uid:\\s+${user}\\s+${user}\\s+${user}\\s`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    const interfaces = [...(await container.about('net/dev')).matchAll(/^\s*(\w+):/gm)].map(([, name]) => name);
    expect(interfaces).toEqual(['lo']);
    const mounts = (await container.about('mountinfo')).split('\n').map((line) => line.split(' '));
    for (const at of ['/', '/opt']) {
      expect(mounts.findLast(([, , , , path]) => path === at)?.[5].split(',')).toContain('ro');
    }
  });

  it('answers /ping within 2 s and /invocations with what the model computes', async () => {
    const ping = await container.ask('GET', '/ping');
    expect(ping.status).toBe(200);
    expect(ping.milliseconds).toBeLessThan(2_000);
    const { status, body } = await container.ask('POST', '/invocations', invocation());
    expect(status).toBe(200);
    const denoiser = await loadStepModel(tiny.fleet.core.directory, { provider: 'cpu', threads: 1 });
    const { envelopes } = await denoiser.denoise([lane], 24, 'x');
    await denoiser.release();
    expect(decodeAnswer(body).envelopes).toEqual(envelopes);
    expect((await container.ask('POST', '/invocations', Buffer.from('no frame'))).status).toBe(400);
  });

  it('ends on SIGTERM within the 30 s of grace, after it has answered', async () => {
    const asked = container.ask('POST', '/invocations', invocation(32));
    await container.connected();
    const { code, milliseconds } = await container.end();
    expect((await asked).status).toBe(200);
    expect(code).toBe(0);
    expect(milliseconds).toBeLessThan(30_000);
  });

  it('says what is wrong and ends when it is started as something else', async () => {
    const wrong = new IsolatedContainer(image, ['train'], { opt });
    await once(wrong.process, 'exit');
    expect([wrong.process.exitCode, wrong.output]).toEqual([1, 'slingshot serve: the only command is `serve`\n']);
  });
});

async function ready(container: IsolatedContainer): Promise<void> {
  await vi.waitFor(
    () => {
      if (container.process.exitCode !== null) throw new Error(`it ended: ${container.output}`);
      if (!container.output.includes('"ready"')) throw new Error(`it is not ready: ${container.output}`);
    },
    { timeout: 30_000, interval: 50 },
  );
}
