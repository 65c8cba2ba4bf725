import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Played } from '../../console/player-page.ts';
import { textOf } from '../../console/run/run.ts';
import { fromRunFile } from '../../console/run/run-file.ts';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { buildSite, type Site } from '../../lib/console/build-site.ts';
import { pageServer } from '../../lib/console/page-server.ts';
import { engineDefaults } from '../../lib/engine.ts';
import { program } from '../support/command-line.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';
import { launchBrowser } from './browser.ts';
import { droppingProxy } from './dropping-proxy.ts';

const firstRecording = join(import.meta.dirname, '..', '..', 'console', 'recordings', 'contact-center.json');

let site: Site;
let service: TinyService;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let folder: string;
/** On a machine that does other work besides. */
const patience = 45_000;
/** What the page did that it must never do. */
let faults: string[];
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
beforeEach(async () => {
  await context?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(patience);
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

/** What the page begins with: the tenant's run. */
const recorded = fromRunFile((JSON.parse(readFileSync(firstRecording, 'utf8')) as Played).runs[1]);

const column = (side: 'A' | 'B') => page.locator(`.side-${side}`);
/** The text of a column as it is seen, without what only keeps its place. */
const textIn = (side: 'A' | 'B') => column(side).locator('.text > span:not(.ending)').textContent();

/** A text as a column has it once it stays: a line break is seen. */
const settledText = (text: string) => text.replaceAll('\n', '↵\n');

describe('the first second', () => {
  it('plays a recorded run, with no key and no model', async () => {
    await page.goto(service.url);
    await page.locator('.side-B .token').first().waitFor({ timeout: patience });
    const early = await textIn('B');
    await expect.poll(() => textIn('B')).not.toBe(early);
    await page.keyboard.press('End');
    await expect.poll(() => textIn('B')).toBe(`${recorded.prompt}${settledText(textOf(recorded))}`);
    expect(await column('A').locator('header').textContent()).toContain('core alone');
    expect(await column('B').locator('.token.by-tenant').count()).toBeGreaterThan(2);
    expect(faults).toEqual([]);
  });
});

/** Opens the page with a key, and waits until the service has taken it. */
async function openWithKey({ url = service.url, fragment = '', key = service.keys.acme } = {}): Promise<void> {
  await page.goto(`${url}/${fragment}`);
  await page.evaluate((given) => sessionStorage.setItem('slingshot.key', given), key);
  await page.reload();
  await page.locator('button.has-key').waitFor();
}

/** What a command that the page shows prints, with the tiny models. */
async function textByCommand(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', [
    '-c',
    `${command.replace('npx slingshot', '"$0" "$1"')} --models "$2" --engine direct --json`,
    ...[process.execPath, program, service.models],
  ]);
  return JSON.parse(stdout).text;
}

const fill = async (values: Readonly<Record<string, string | number>>) => {
  for (const [label, value] of Object.entries(values))
    await page.getByLabel(label, { exact: true }).fill(String(value));
};
const run = async () => {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
};
const ended = () =>
  page
    .locator('.column .state', { hasText: /\d tokens ·/ })
    .nth(1)
    .waitFor();

describe('a run of one’s own', () => {
  it('takes a key from the address, and leaves it in neither the address nor a link', async () => {
    await page.goto(`${service.url}/#key=${service.keys.acme}`);
    await page.locator('button.has-key').waitFor();
    expect(page.url()).toBe(`${service.url}/`);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Share by link' }).click();
    expect(page.url()).not.toContain(service.keys.acme);
    expect(faults).toEqual([]);
  });

  it('ends in the text that the command line gives, by the command that the page shows', async () => {
    await openWithKey();
    await fill({ Prompt: 'It’s a queue: "$HOME"', Tokens: 12, Steps: 6, Seed: 7 });
    await page.getByLabel('Tenant’s weight').fill('0.4');
    await run();
    await ended();
    await page.getByRole('button', { name: 'Show the request' }).click();
    await page.getByText('command line', { exact: true }).click();
    const commands: string[] = [];
    for (const name of ['core alone', 'core + acme']) {
      await page.getByRole('dialog').getByText(name, { exact: true }).click();
      commands.push((await page.locator('dialog pre').textContent()) ?? '');
    }
    const texts = await Promise.all(commands.map(textByCommand));
    const [left, right] = texts.map((text) => `It’s a queue: "$HOME"${settledText(text)}`);
    expect(await textIn('A')).toBe(left);
    expect(await textIn('B')).toBe(right);
    expect(faults).toEqual([]);
  });

  it('is picked apart: the likeliest of each member, and of both', async () => {
    await openWithKey();
    await fill({ Prompt: 'To create a queue', Tokens: 5, Steps: 4 });
    await run();
    await ended();
    await column('B').locator('.token').nth(1).click();
    const lists = page.locator('.inspector .likeliest');
    await expect.poll(() => lists.locator('h2').allTextContents()).toEqual(['core', 'acme', 'merged']);
    expect(await lists.nth(2).locator('li').count()).toBe(5);
    // It goes with the step that is shown.
    const before = await page.locator('.inspector header').textContent();
    await page.getByRole('button', { name: 'One step back' }).click();
    await expect.poll(() => page.locator('.inspector header').textContent()).not.toBe(before);
  });

  it('runs the tenant’s column again, and it alone, when its weight is moved', async () => {
    await openWithKey();
    await fill({ Prompt: 'To create a queue', Tokens: 5, Steps: 4 });
    await run();
    await ended();
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') asked.push(request.postData() ?? '');
    });
    const before = await textIn('A');
    await page.getByLabel('Tenant’s weight').fill('0.1');
    await expect.poll(() => asked.length).toBe(1);
    await ended();
    expect(JSON.parse(asked[0])).toMatchObject({ model: 'core+acme', slingshot: { weight: 0.1 } });
    expect(await textIn('A')).toBe(before);
  });

  it('is stopped when it is cancelled, and says so', async () => {
    await openWithKey();
    await fill({ Prompt: 'To create a queue', Tokens: 30, Steps: 500 });
    await page.getByLabel('Quality').selectOption('published');
    await run();
    await page
      .locator('.column .state.live', { hasText: /step [1-9]/ })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.locator('.column .state', { hasText: 'cancelled' }).nth(1).waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
  });

  it('ends when the page is left', async () => {
    await openWithKey();
    await fill({ Prompt: 'To create a queue', Tokens: 30, Steps: 900 });
    const created = page.waitForResponse((response) => response.url().endsWith('/v1/generations'));
    await run();
    const { id } = await (await created).json();
    await page
      .locator('.column .state.live', { hasText: /step [1-9]/ })
      .first()
      .waitFor();
    await page.goto('about:blank');
    const status = async () => (await service.json(`/v1/generations/${id}`)).body.status;
    await expect.poll(status).toBe('cancelled');
  });

  it('goes on where it was when the service was gone and is back', async () => {
    const proxy = await droppingProxy(service.url);
    try {
      await openWithKey({ url: proxy.url });
      faults.length = 0;
      await fill({ Prompt: 'To create a queue', Tokens: 10, Steps: 30, Seed: 3 });
      await run();
      await page
        .locator('.column .state.live', { hasText: /step [1-9]/ })
        .first()
        .waitFor();
      proxy.cut();
      await page.getByText('Connection lost').first().waitFor();
      proxy.restore();
      await ended();
      const resumed = proxy.requests.filter(({ headers }) => headers['last-event-id'] !== undefined);
      expect(resumed.length).toBeGreaterThan(0);
      const { body } = await service.json('/v1/generations', {
        body: { model: 'core', prompt: 'To create a queue', max_tokens: 10, seed: 3, slingshot: { steps: 30 } },
        headers: { prefer: 'wait=30' },
      });
      expect(await textIn('A')).toBe(`To create a queue${settledText(body.choices[0].text)}`);
    } finally {
      await page.close();
      await proxy.stop();
    }
  });

  it('asks for another key where one is past its end', async () => {
    const { key } = await addKey(service.administration, 'acme', { validUntil: Math.floor(Date.now() / 1000) - 60 });
    await page.goto(service.url);
    await page.evaluate((given) => sessionStorage.setItem('slingshot.key', given), key);
    await page.reload();
    await page.getByRole('button', { name: 'Use a key' }).click();
    await page.getByText('It may have expired').waitFor();
    expect(await page.evaluate(() => sessionStorage.getItem('slingshot.key'))).toBeNull();
    await page.getByLabel('Key', { exact: true }).fill(service.keys.acme);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.locator('button.has-key').waitFor();
  });
});

describe('a private document', () => {
  it('reaches the tenant’s model, and neither a link nor the request that is shown', async () => {
    await openWithKey();
    await fill({ Prompt: 'The agent', Tokens: 5, Steps: 4 });
    await page.getByRole('button', { name: 'Private document' }).click();
    await page.getByLabel('Text', { exact: true }).fill('Lantern');
    const bodies: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/v1/generations')) bodies.push(request.postData() ?? '');
    });
    await page.getByRole('button', { name: 'Use it' }).click();
    await ended();
    const [core, corrected] = bodies.map((body) => JSON.parse(body)).sort((a, b) => a.model.length - b.model.length);
    expect(core.slingshot.context).toBeUndefined();
    expect(corrected.slingshot).toMatchObject({ contrast: 1, context: expect.any(String) });
    expect(bodies.join()).not.toContain('Lantern');
    await page.getByRole('button', { name: 'Share by link' }).click();
    await expect.poll(() => page.url()).toContain('#p=The+agent');
    expect(page.url()).not.toContain('Lantern');
    expect(page.url()).not.toContain(corrected.slingshot.context);
    await page.getByRole('button', { name: 'Show the request' }).click();
    expect(await page.locator('dialog pre').textContent()).not.toContain('Lantern');
  });
});

describe('a shared link', () => {
  it('brings its settings, and no run until it is asked for', async () => {
    await page.goto(`${service.url}/#p=The+worker&b=core%2Bacme&w=0.35&seed=9&n=7&s=5`);
    await expect.poll(() => page.getByLabel('Prompt', { exact: true }).inputValue()).toBe('The worker');
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe('9');
    expect(await page.getByLabel('Tokens', { exact: true }).inputValue()).toBe('7');
    expect(await page.getByLabel('Steps', { exact: true }).inputValue()).toBe('5');
    expect(await page.getByLabel('Tenant’s weight').inputValue()).toBe('0.35');
    expect(await column('A').locator('.empty').isVisible()).toBe(true);
    // Without a key, running asks for one.
    await run();
    await page.getByRole('dialog', { name: 'API key' }).waitFor();
    expect(faults).toEqual([]);
  });
});

const hostile = `<img src=x onerror="alert(1)"><script>alert(2)</script>{{7*7}} javascript:alert(3) \u202egnp`;

describe('hostile text', () => {
  it('in a prompt is text', async () => {
    await openWithKey();
    await fill({ Prompt: hostile.slice(0, 30), Tokens: 5, Steps: 3 });
    await run();
    await ended();
    expect(await textIn('A')).toContain(hostile.slice(0, 30));
    expect(await page.locator('main img').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('in a model’s output is text, in a downloaded file, too, which asks nobody for anything', async () => {
    await page.goto(service.url);
    await page.locator('.side-B .token').first().waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download the run' }).click();
    const whole = await readFile(await (await download).path(), 'utf8');
    // The file's data with hostile tokens in the place of those that came.
    const file = join(folder, 'run.html');
    const worse = whole.replace(
      /(<script type="application\/json" id="runs">)(.*?)(<\/script>)/s,
      (_, head, data, tail) => {
        const played = JSON.parse(data) as Played;
        const runs = played.runs.map((each) => ({
          ...each,
          texts: each.texts.map((text, i) => (i % 3 === 0 ? hostile : text)),
        }));
        return head + JSON.stringify({ ...played, runs }).replaceAll('<', '\\u003c') + tail;
      },
    );
    await writeFile(file, worse);
    const player = await context.newPage();
    const found = watch(player);
    await player.goto(`file://${file}`);
    await player.locator('.token').first().waitFor();
    await player.keyboard.press('End');
    await expect.poll(() => player.locator('.side-B .text').textContent()).toContain('<script>');
    expect(await player.locator('main img, main script').count()).toBe(0);
    expect(found).toEqual([]);
    expect(faults).toEqual([]);
  });
});

describe('without a mouse', () => {
  it('runs, plays, steps, and picks a word', async () => {
    await openWithKey();
    await page.getByLabel('Steps', { exact: true }).fill('4');
    await page.getByLabel('Tokens', { exact: true }).fill('5');
    await page.getByLabel('Prompt', { exact: true }).focus();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('A queue');
    await page.keyboard.press('Enter');
    await ended();
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('Home');
    const value = () => page.getByLabel('Step', { exact: true }).inputValue();
    expect(await value()).toBe('0');
    await page.keyboard.press('ArrowRight');
    expect(await value()).toBe('1');
    expect(await page.getByLabel('Step', { exact: true }).getAttribute('aria-valuetext')).toMatch(
      /^block 1 of 1, step 2/,
    );
    await page.keyboard.press(' ');
    await expect.poll(value).toBe(await page.getByLabel('Step', { exact: true }).getAttribute('max'));
    await page.getByRole('group', { name: /^B, core \+ acme/ }).focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('.inspector').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('.inspector').count()).toBe(0);
  });
});

describe('the other pages', () => {
  it('show a tenant what it used, and let it forget a document', async () => {
    const { body: document } = await service.json('/v1/contexts', { body: { content: 'A queue.' } });
    await service.json('/v1/generations', { body: short, headers: { prefer: 'wait=20' } });
    await openWithKey();
    await page.getByRole('link', { name: 'Usage and keys' }).click();
    await page.locator('.usage-chart rect.some').waitFor();
    expect(await page.getByRole('table', { name: 'Usage' }).textContent()).toContain('core');
    await page.getByLabel('A new key for').fill('a test');
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByText('the key is not for admin').waitFor();
    await openWithKey({ fragment: '#/account', key: await service.keyFor(['read', 'admin', 'generate']) });
    await page.getByLabel('A new key for').fill('a test');
    await page.getByRole('button', { name: 'Make a key' }).click();
    const key = (await page.locator('.new-key code').textContent()) ?? '';
    expect((await service.call('/v1/models', { key })).status).toBe(200);
    await page.getByRole('button', { name: `Disable ${key.split('_')[2]}` }).click();
    await page
      .getByRole('row', { name: key.split('_')[2] })
      .getByText('disabled')
      .waitFor();
    await page.getByRole('button', { name: `Forget ${document.id}` }).click();
    await expect.poll(() => page.getByText(document.id).count()).toBe(0);
    expect(await wrongHere()).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('run a file of rows, and give its results', async () => {
    await openWithKey({ fragment: '#/batches' });
    await page.getByText('There is none yet').waitFor();
    const row = (seed: number) => ({
      ...{ custom_id: `row-${seed}`, method: 'POST', url: '/v1/completions', body: { ...short, seed } },
    });
    const rows = [7, 8].map((seed) => JSON.stringify(row(seed))).join('\n');
    await page.getByLabel('File of rows').setInputFiles({
      ...{ name: 'rows.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(`${rows}\nno row\n`) },
    });
    await page.getByText('completed · 3 of 3 rows · 1 failed').waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download results' }).click();
    const results = (await readFile(await (await download).path(), 'utf8')).trim().split('\n');
    const alone = await service.json('/v1/completions', { body: { ...short, seed: 7 } });
    expect(JSON.parse(results[0]).response.body.choices[0].text).toBe(alone.body.choices[0].text);
    expect(await wrongHere()).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('show an operator what is in flight and where, and say to others whose they are', async () => {
    await openWithKey({ fragment: '#/operations' });
    await page.getByText('the key is not for operate').waitFor();
    const { body } = await service.json('/v1/generations', {
      body: { ...short, max_tokens: 20, slingshot: { steps: 900 } },
    });
    await openWithKey({ fragment: '#/operations', key: await service.keyFor(['operate', 'read']) });
    await page.getByText(body.id).waitFor();
    const node = page.locator('.node.busy');
    await expect.poll(() => node.textContent()).toMatch(/1$/);
    expect(await page.getByRole('row', { name: /^acme large/ }).textContent()).toContain('large');
    await service.json(`/v1/generations/${body.id}`, { method: 'DELETE' });
    await expect.poll(() => node.count()).toBe(0);
    expect(await wrongHere()).toEqual([]);
    expect(faults).toEqual([]);
  });
});

/** What axe finds wrong with the page as it is. It is evaluated by the debugger, which no policy stops. */
async function wrongHere(): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe is the page's
    const { violations } = await (globalThis as any).axe.run();
    return violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) => `${id}: ${nodes[0].html}`);
  });
}

describe('whoever sees little, or wants no motion', () => {
  it.each([
    ['light', 'light', 1],
    ['dark', 'dark', 1],
    ['at 200 %', 'light', 2],
    ['on a phone', 'dark', 3],
  ] as const)('finds nothing that axe knows to be wrong, %s', async (_, colorScheme, zoom) => {
    await page.close();
    const size = zoom === 3 ? { width: 390, height: 844 } : { width: 1280 / zoom, height: 900 / zoom };
    page = await browser.newPage({ viewport: size, colorScheme, reducedMotion: 'reduce' });
    await page.goto(service.url);
    await page.locator('.side-B .token').first().waitFor();
    await page.locator('.side-B .token').nth(3).click();
    expect(await wrongHere()).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(size.width);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Use a key' }).click();
    expect(await wrongHere()).toEqual([]);
  });

  it('is told of whole blocks and not of tokens, and nothing plays by itself', async () => {
    await page.close();
    page = await browser.newPage({ reducedMotion: 'reduce' });
    await page.goto(service.url);
    await page.locator('.side-B .token').first().waitFor();
    await expect.poll(() => page.locator('.side-B [aria-live]').textContent()).toContain(textOf(recorded));
    const value = await page.getByLabel('Step', { exact: true }).inputValue();
    expect(value).toBe(await page.getByLabel('Step', { exact: true }).getAttribute('max'));
    expect(await page.locator('.side-B .text > span').first().getAttribute('aria-hidden')).toBe('true');
  });
});
