import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TinyService, tinyService } from '../support/service.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8');
/** Indented, with what follows a line that ends in a backslash. */
const examples = [...page.matchAll(/^ {4}curl (?:.*\\\n)*.*$/gm)].map(([text]) => text.replaceAll(/^ {4}/gm, ''));

let service: TinyService;
let id: string;
beforeAll(async () => {
  service = await tinyService();
  const body = { model: 'core', prompt: 'x', max_tokens: 5, events: true, slingshot: { steps: 2 } };
  ({ id } = (await service.json('/v1/generations', { body, headers: { prefer: 'wait=30' } })).body);
});
afterAll(() => service.stop());

it.each(examples)('docs/api.md: %s', async (example) => {
  const env = { ...process.env, URL: service.url, KEY: service.keys.acme, ID: id };
  const failing = example.replace(/^curl /, 'curl --fail-with-body --max-time 50 ');
  const { stdout } = await promisify(execFile)('bash', ['-c', failing], { env });
  expect(stdout).not.toBe('');
  expect(stdout).not.toMatch(/^data: \{"error"/m);
});

it('docs/api.md has an example of each route but those of one private document and one upload', () => {
  expect(examples).toHaveLength(14);
});
