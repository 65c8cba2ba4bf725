import { textOf } from '../../console/run/run.ts';
import './cases/own-runs.ts';
import './cases/hostile-text.ts';
import './cases/other-pages.ts';
import './cases/people.ts';
import { describe, expect, it } from 'vitest';
import { column, faults, inBrowser, page, patience, recorded, service, settledText, textIn } from './open-page.ts';

inBrowser();

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
