import { describe, expect, it } from 'vitest';
import { textOf } from '../../../console/run/run.ts';
import { ended, freshPage, openWithKey, page, recorded, service, wrongHere } from '../open-page.ts';

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

describe('whoever sees little, or wants no motion', () => {
  it.each([
    ['light', 'light', 1],
    ['dark', 'dark', 1],
    ['at 200 %', 'light', 2],
    ['on a phone', 'dark', 3],
  ] as const)('finds nothing that axe knows to be wrong, %s', async (_, colorScheme, zoom) => {
    const size = zoom === 3 ? { width: 390, height: 844 } : { width: 1280 / zoom, height: 900 / zoom };
    await freshPage({ viewport: size, colorScheme, reducedMotion: 'reduce' });
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
    await freshPage({ reducedMotion: 'reduce' });
    await page.goto(service.url);
    await page.locator('.side-B .token').first().waitFor();
    await expect.poll(() => page.locator('.side-B [aria-live]').textContent()).toContain(textOf(recorded));
    const value = await page.getByLabel('Step', { exact: true }).inputValue();
    expect(value).toBe(await page.getByLabel('Step', { exact: true }).getAttribute('max'));
    expect(await page.locator('.side-B .text > span').first().getAttribute('aria-hidden')).toBe('true');
  });
});
