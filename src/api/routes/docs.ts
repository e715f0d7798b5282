import { readFile } from 'node:fs/promises';
import { type Reply, route, type Route } from '../route.ts';

/** The page at /docs. Its files lie beside this code and are served as they are; it loads nothing from elsewhere, and is told to run nothing else. */

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FILES = [
  { path: '/docs', file: 'page.html', mediaType: 'text/html', summary: 'A page to try the API.' },
  { path: '/docs/page.css', file: 'page.css', mediaType: 'text/css', summary: 'Its style.' },
  { path: '/docs/page.js', file: 'page.js', mediaType: 'text/javascript', summary: 'Its program.' },
] as const;

export function docsRoutes(): Route[] {
  return FILES.map(({ path, file, mediaType, summary }) =>
    route({
      method: 'GET',
      path,
      summary,
      tag: 'description',
      replies: { 200: { description: 'It.', mediaType } },
      handle: async (): Promise<Reply> => ({
        status: 200,
        headers: {
          'content-type': `${mediaType}; charset=utf-8`,
          'cache-control': 'no-cache',
          'content-security-policy': POLICY,
          'referrer-policy': 'no-referrer',
        },
        body: await readFile(new URL(`../docs-page/${file}`, import.meta.url)),
      }),
    }),
  );
}
