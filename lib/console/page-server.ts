import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import type { Site } from './build-site.ts';
import { freshCache, isLasting, lastingCache, siteHeaders } from './site-headers.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/** Answers requests for the console's files. @returns whether the request was for one */
export type PageServer = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

export function pageServer(site: Site): PageServer {
  const files = new Map([...site].map(([path, body]) => [`/${path}`, { path, body, etag: etagOf(body) }]));
  const index = files.get('/index.html');
  if (!index) throw new Error('the console has no index.html');
  files.set('/', index);
  return ({ method, headers }, response, path) => {
    const file = files.get(path);
    if (!file || (method !== 'GET' && method !== 'HEAD')) return false;
    const { body, etag } = file;
    const caching = { etag, 'cache-control': isLasting(file.path) ? lastingCache : freshCache };
    if (headers['if-none-match'] === etag) {
      response.writeHead(304, caching).end();
      return true;
    }
    response.writeHead(200, {
      ...siteHeaders,
      ...caching,
      'content-type': contentTypes[extname(file.path)] ?? 'application/octet-stream',
      'content-length': body.length,
    });
    response.end(method === 'HEAD' ? undefined : body);
    return true;
  };
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}
