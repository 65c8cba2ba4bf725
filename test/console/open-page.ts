import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import axe from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Played } from '../../console/player-page.ts';
import { fromRunFile } from '../../console/run/run-file.ts';
import type { Site } from '../../lib/console/build-site.ts';
import { buildSite } from '../../lib/console/build-site.ts';
import { pageServer } from '../../lib/console/page-server.ts';
import { engineDefaults } from '../../lib/engine.ts';
import { program } from '../support/command-line.ts';
import type { TinyService } from '../support/service.ts';
import { tinyService } from '../support/service.ts';
import { launchBrowser } from './browser.ts';

const firstRecording = join(import.meta.dirname, '..', '..', 'console', 'recordings', 'contact-center.json');

export let site: Site;
export let service: TinyService;
export let browser: Browser;
export let context: BrowserContext;
export let page: Page;
export let folder: string;
/** On a machine that does other work besides. */
export const patience = 45_000;
/** What the page did that it must never do. */
export let faults: string[];
/** Has one browser and one service for all cases, and a page of its own for each. */
export function inBrowser(): void {
  beforeAll(async () => {
    site = await buildSite();
    folder = await mkdtemp(join(tmpdir(), 'slingshot-console-'));
    [service, browser] = await Promise.all([
      tinyService({ page: pageServer(site), kept: engineDefaults.kept }),
      launchBrowser(),
    ]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => freshPage());
}

/** A page with nothing kept from before, for whoever sees or wants something else. */
export async function freshPage(options: BrowserContextOptions = {}): Promise<void> {
  await context?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  page = await context.newPage();
  page.setDefaultTimeout(patience);
  faults = watch(page);
}

/** Requests to other origins, scripts' failures, and what the policy stopped. */
export function watch(watched: Page): string[] {
  const found: string[] = [];
  watched.on('pageerror', (error) => found.push(String(error)));
  watched.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== service.url) found.push(`asked ${request.url()}`);
  });
  watched.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) found.push(message.text());
  });
  watched.on('dialog', (dialog) => {
    found.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  return found;
}

/** What the page begins with: the tenant's run. */
export const recorded = fromRunFile((JSON.parse(readFileSync(firstRecording, 'utf8')) as Played).runs[1]);

export const column = (side: 'A' | 'B') => page.locator(`.side-${side}`);
/** The text of a column as it is seen, without what only keeps its place. */
export const textIn = (side: 'A' | 'B') => column(side).locator('.text > span:not(.ending)').textContent();

/** A text as a column has it once it stays: a line break is seen. */
export const settledText = (text: string) => text.replaceAll('\n', '↵\n');

/** Opens the page with a key, and waits until the service has taken it. */
export async function openWithKey({ url = service.url, fragment = '', key = service.keys.acme } = {}): Promise<void> {
  await page.goto(`${url}/${fragment}`);
  await page.evaluate((given) => sessionStorage.setItem('slingshot.key', given), key);
  await page.reload();
  await page.locator('button.has-key').waitFor();
}

/** What a command that the page shows prints, with the tiny models. */
export async function textByCommand(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', [
    '-c',
    `${command.replace('npx slingshot', '"$0" "$1"')} --models "$2" --engine direct --json`,
    ...[process.execPath, program, service.models],
  ]);
  return JSON.parse(stdout).text;
}

export const fill = async (values: Readonly<Record<string, string | number>>) => {
  for (const [label, value] of Object.entries(values))
    await page.getByLabel(label, { exact: true }).fill(String(value));
};
export const run = async () => {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
};
export const ended = () =>
  page
    .locator('.column .state', { hasText: /\d tokens ·/ })
    .nth(1)
    .waitFor();

/** What axe finds wrong with the page as it is. It is evaluated by the debugger, which no policy stops. */
export async function wrongHere(): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe is the page's
    const { violations } = await (globalThis as any).axe.run();
    return violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) => `${id}: ${nodes[0].html}`);
  });
}
