import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Played } from '../../../console/player-page.ts';
import { context, ended, faults, fill, folder, openWithKey, page, run, service, textIn, watch } from '../open-page.ts';

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
