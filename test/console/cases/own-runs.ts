import { describe, expect, it } from 'vitest';
import { addKey } from '../../../functions/shared/keys/key-store.ts';
import { droppingProxy } from '../dropping-proxy.ts';
import {
  column,
  context,
  ended,
  faults,
  fill,
  openWithKey,
  page,
  run,
  service,
  settledText,
  textByCommand,
  textIn,
} from '../open-page.ts';

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
