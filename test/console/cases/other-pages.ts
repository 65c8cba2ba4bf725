import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { short } from '../../support/service.ts';
import { faults, openWithKey, page, service, wrongHere } from '../open-page.ts';

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
    await page.setViewportSize({ width: 390, height: 844 });
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
