import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalAws } from '../../../lib/local/aws-environment.ts';
import { program } from '../../support/command-line.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let work: string;
beforeAll(async () => {
  tiny = await tinyFleet();
  work = await mkdtemp(join(tmpdir(), 'slingshot-aws-'));
});
afterAll(async () => {
  await tiny.remove();
  await rm(work, { recursive: true });
});

describe("a local run does not use its user's AWS settings", () => {
  it('whatever they are: profile, credential process, FIPS, dual stack, session, endpoints', async () => {
    const asked = join(work, 'asked');
    const config = join(work, 'config');
    await writeFile(
      config,
      ['default', 'profile work']
        .map(
          (section) =>
            `[${section}]\ncredential_process = touch ${asked}\nregion = eu-north-1\nuse_fips_endpoint = true\n`,
        )
        .join('\n'),
    );
    const args = ['--models', tiny.folder, '--tenant', 'acme', '--steps', '4', '--tokens', '5', '--json'];
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [program, 'generate', '--prompt', 'To create a queue,', ...args],
      {
        env: {
          ...process.env,
          AWS_PROFILE: 'work',
          AWS_CONFIG_FILE: config,
          AWS_SHARED_CREDENTIALS_FILE: config,
          AWS_USE_FIPS_ENDPOINT: 'true',
          AWS_USE_DUALSTACK_ENDPOINT: 'true',
          AWS_SESSION_TOKEN: 'token',
          AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
          AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
          AWS_REGION: 'eu-north-1',
        },
      },
    );
    expect(JSON.parse(stdout)).toMatchObject({ models: ['core', 'tenant:acme'] });
    expect(stderr).toBe('');
    expect(existsSync(asked)).toBe(false);
  });

  it('and gives them back', () => {
    process.env.AWS_PROFILE = 'work';
    const before = { ...process.env };
    const local = new LocalAws();
    expect(process.env).not.toHaveProperty('AWS_PROFILE');
    local.add({ environment: { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' }, stop: async () => {} });
    local.restore();
    expect({ ...process.env }).toEqual(before);
    delete process.env.AWS_PROFILE;
  });
});
