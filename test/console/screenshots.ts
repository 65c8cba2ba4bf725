// Makes the pictures of docs/console.md from the recorded runs: node test/console/screenshots.ts
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { buildSite } from '../../lib/console/build-site.ts';
import { pageServer } from '../../lib/console/page-server.ts';
import { close, listen } from '../../lib/local/listen.ts';
import { launchBrowser } from './browser.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'pictures');

const goTo = async (page: Page, step: number) => {
  await page.keyboard.press('Home');
  for (let i = 0; i < step; i++) await page.keyboard.press('ArrowRight');
};

interface Picture {
  readonly name: string;
  readonly options: BrowserContextOptions;
  readonly act: (page: Page) => Promise<void>;
}

const pictures: readonly Picture[] = [
  {
    name: 'console',
    options: { viewport: { width: 1120, height: 980 }, colorScheme: 'light' },
    act: (page) => goTo(page, 38),
  },
  {
    name: 'console-document',
    options: { viewport: { width: 1120, height: 1080 }, colorScheme: 'dark' },
    act: async (page) => {
      await page.getByRole('button', { name: 'Its private handbook' }).click();
      await page.locator('.legend', { hasText: 'document' }).waitFor();
      await page.evaluate('document.activeElement.blur()');
      await page.keyboard.press('End');
      await page.locator('.side-B .token', { hasText: 'blue' }).click();
      await page.locator('.inspector').scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'console-phone',
    options: { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
    act: (page) => goTo(page, 40),
  },
];

const serve = pageServer(await buildSite());
const server = createServer((request, response) => {
  if (!serve(request, response, new URL(request.url ?? '/', 'http://localhost').pathname))
    response.writeHead(404).end();
});
const url = await listen(server);
const browser = await launchBrowser();
try {
  for (const { name, options, act } of pictures) {
    const page = await browser.newPage(options);
    await page.goto(url);
    await page.locator('.side-B .token').first().waitFor();
    await act(page);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await page.close();
  }
} finally {
  await browser.close();
  await close(server);
}
