// How many frames a second the page draws while events of 64 lanes come: node test/console/frames.ts
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Played } from '../../console/player-page.ts';
import { fromRunFile } from '../../console/run/run-file.ts';
import { buildSite, consoleFolder } from '../../lib/console/build-site.ts';
import { pageServer } from '../../lib/console/page-server.ts';
import { close, listen } from '../../lib/local/listen.ts';
import { launchBrowser } from './browser.ts';

const lanes = 64;
/** Of each of the two columns: faster than any model here. */
const stepsASecond = 30;
const seconds = 8;

const { runs } = JSON.parse(readFileSync(join(consoleFolder, 'recordings', 'contact-center.json'), 'utf8')) as Played;
const { frames } = fromRunFile(runs[1]);

/** A recorded run's steps over and over, each told of all lanes. */
async function* steps(): AsyncGenerator<string> {
  for (let i = 0; i < stepsASecond * seconds; i++) {
    const frame = frames[i % frames.length];
    const block = 2 * Math.floor(i / frames.length) + frame.block;
    const choices = Array.from({ length: lanes }, (_, index) => ({ index, ...frame, block }));
    yield `event: step\nid: ${i}\ndata: ${JSON.stringify({ sequence: i, choices })}\n\n`;
    await sleep(1000 / stepsASecond);
  }
  yield `event: done\nid: 999999\ndata: {"status":"succeeded","error":null}\n\n`;
}

async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for await (const text of steps()) response.write(text);
  response.end();
}

const serve = pageServer(await buildSite());
const server = createServer((request, response) => {
  const path = request.url ?? '/';
  if (serve(request, response, path)) return;
  if (path.endsWith('/events')) void stream(response);
  else if (path === '/v1/models') response.end('{"data":[{"id":"core"},{"id":"core+contact-center"}]}');
  else response.end('{"id":"gen_1"}');
});
const url = await listen(server);
const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(url);
  await page.evaluate("sessionStorage.setItem('slingshot.key', 'any')");
  await page.reload();
  await page.locator('button.has-key').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const gaps = await page.evaluate<number[]>(`new Promise((resolve) => {
    const gaps = [];
    let last;
    const until = performance.now() + ${1000 * seconds};
    requestAnimationFrame(function frame(now) {
      if (last !== undefined) gaps.push(now - last);
      last = now;
      if (now < until) requestAnimationFrame(frame);
      else resolve(gaps);
    });
  })`);
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(1);
  const perSecond = (gaps.length / seconds).toFixed(1);
  const bytes = JSON.stringify(Array.from({ length: lanes }, () => frames[0])).length * 2 * stepsASecond;
  process.stdout.write(
    `${lanes} lanes, 2 columns, ${stepsASecond} steps a second each (${(bytes / 2 ** 20).toFixed(0)} MiB of events a second)\n` +
      `${perSecond} frames a second; between frames ${at(0.5)} ms median, ${at(0.95)} ms at 95 %, ${at(1)} ms at most\n`,
  );
} finally {
  await browser.close();
  await close(server);
}
