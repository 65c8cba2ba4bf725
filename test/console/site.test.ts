import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSite, type Site } from '../../lib/console/build-site.ts';
import { cachedSite } from '../../lib/console/cached-site.ts';
import { pageServer } from '../../lib/console/page-server.ts';
import { close, listen } from '../../lib/local/listen.ts';

let site: Site;
let folder: string;
beforeAll(async () => {
  site = await buildSite();
  folder = await mkdtemp(join(tmpdir(), 'slingshot-site-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a visitor may load before the page is there, in bytes. */
const mostBytes = 60_000;

describe('the console', () => {
  it('is small', () => {
    const parts = [...site].filter(([path]) => /\.(js|css)$|^index/.test(path));
    const size = parts.reduce((sum, [, body]) => sum + gzipSync(body).length, 0);
    expect(size).toBeLessThan(mostBytes);
  });

  it('names no other origin, and has no script or style of its own in the page', () => {
    for (const [path, body] of site) {
      if (path.startsWith('console/runs/')) continue;
      const addresses = String(body).match(/https?:\/\/[\w.-]+/g) ?? [];
      // Names of XML, which nobody loads.
      expect(
        addresses.filter((address) => !address.endsWith('//www.w3.org')),
        path,
      ).toEqual([]);
    }
    expect(String(site.get('index.html'))).not.toMatch(/<style|<script>|\son\w+=|style=/);
  });

  it('is built once, and kept until what makes it changes', async () => {
    const built = await cachedSite(folder);
    const names = await readdir(folder);
    expect(names).toHaveLength(1);
    expect([...(await cachedSite(folder))].sort()).toEqual([...built].sort());
    expect(await readdir(folder)).toEqual(names);
    expect(new Map(built)).toEqual(site);
  });

  it('is served with a strict policy, and asked for again only where it changed', async () => {
    const serve = pageServer(site);
    const server = createServer((request, response) => {
      if (!serve(request, response, request.url ?? '')) response.writeHead(404).end();
    });
    const url = await listen(server);
    try {
      const page = await fetch(`${url}/`);
      const policy = page.headers.get('content-security-policy');
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(page.headers.get('cache-control')).toBe('no-cache');
      const again = await fetch(`${url}/`, { headers: { 'if-none-match': page.headers.get('etag') ?? '' } });
      expect(again.status).toBe(304);
      const [, script] = /src="([^"]+)"/.exec(await page.text()) ?? [];
      expect((await fetch(`${url}/${script}`)).headers.get('cache-control')).toContain('immutable');
      for (const path of ['/console/', '/console/../package.json', '/%2e%2e/package.json', '/index.html/']) {
        expect((await fetch(url + path)).status, path).toBe(404);
      }
      expect((await fetch(`${url}/`, { method: 'POST' })).status).toBe(404);
    } finally {
      await close(server);
    }
  });
});
