import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildSite, type Site } from '../../lib/console/build-site.ts';
import { pageServer } from '../../lib/console/page-server.ts';
import { type TinyService, tinyService } from '../support/service.ts';
import { launchBrowser } from './browser.ts';

let site: Site;
let service: TinyService;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What the page did that it must never do. */
let faults: string[];
beforeAll(async () => {
  site = await buildSite();
  [service, browser] = await Promise.all([tinyService({ page: pageServer(site) }), launchBrowser()]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
});
beforeEach(async () => {
  await context?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  faults = watch(page);
});

/** Requests to other origins, scripts' failures, and what the policy stopped. */
function watch(watched: Page): string[] {
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

const column = (side: 'A' | 'B') => page.locator(`.side-${side}`);
/** The text of a column as it is seen, without what only keeps its place. */
const textIn = (side: 'A' | 'B') => column(side).locator('.text > span:not(.ending)').textContent();

describe('the first second', () => {
  it('plays a recorded run, with no key and no model', async () => {
    await page.goto(service.url);
    await page.locator('.side-B .token').first().waitFor({ timeout: 1000 });
    const early = await textIn('B');
    await expect.poll(() => textIn('B')).not.toBe(early);
    await page.keyboard.press('End');
    await expect.poll(() => textIn('B')).toContain('sent to the target agent before the transfer');
    expect(await column('A').locator('header').textContent()).toContain('core alone');
    expect(await column('B').locator('.token.by-tenant').count()).toBeGreaterThan(2);
    expect(faults).toEqual([]);
  });
});
