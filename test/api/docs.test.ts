import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { browser, Page } from './browser.ts';
import { Door } from './helpers.ts';

let door: Door;
before(async () => void (door = await Door.open()));
after(() => door[Symbol.asyncDispose]());

test('the page and what it loads come from the agent, and may load and run nothing else', async () => {
  const page = await fetch(`${door.agent.url}/docs`);
  const html = await page.text();
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/);
  assert.ok(!/unsafe|\*|https?:/.test(policy), policy);
  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
  assert.deepEqual(named.toSorted(), ['/docs/page.css', '/docs/page.js', '/openapi.json', '/openapi.json', 'data:,']);
  for (const [path, type] of [
    ['/docs/page.css', 'text/css; charset=utf-8'],
    ['/docs/page.js', 'text/javascript; charset=utf-8'],
  ] as const) {
    const reply = await fetch(`${door.agent.url}${path}`);
    assert.deepEqual(
      [reply.status, reply.headers.get('content-type'), reply.headers.get('x-content-type-options')],
      [200, type, 'nosniff'],
    );
    assert.ok(!/https?:\/\//.test(await reply.text()));
  }
  assert.equal((await fetch(`${door.agent.url}/docs/..%2froute.ts`)).status, 404);
});

const OPEN = (id: string): string => `document.getElementById('${id}').open = true`;
const FORM = (id: string): string => `document.querySelector('#${id} form')`;
const TYPE = (id: string, field: string, text: string): string =>
  `Object.assign(${FORM(id)}.elements['${field}'], { value: ${JSON.stringify(text)} }).dispatchEvent(new Event('input', { bubbles: true }))`;
const SEND = (id: string): string => `${FORM(id)}.requestSubmit()`;
const OUTPUT = (id: string): string => `document.querySelector('#${id} output').textContent`;

test('requests can be tried in a browser, with the token', { skip: browser === undefined ? 'there is no Chromium' : false }, async () => {
  await using page = await Page.open(browser!, `${door.agent.url}/docs`);
  const described = (await (await door.ask('GET', '/openapi.json')).json()) as { paths: Record<string, Record<string, unknown>> };
  const operations = Object.values(described.paths).flatMap((methods) => Object.keys(methods).filter((method) => method !== 'head'));
  assert.equal(await page.until(`document.querySelectorAll('details').length`), operations.length);

  await page.evaluate(OPEN('getMonitorPing'));
  await page.until(FORM('getMonitorPing') + ' !== null');
  await page.evaluate(SEND('getMonitorPing'));
  assert.match(await page.until(`/pong/.test(${OUTPUT('getMonitorPing')}) && ${OUTPUT('getMonitorPing')}`), /^200 OK\n[^]*\npong$/);

  const markup = '<img src=x onerror=alert(1)>';
  await page.evaluate(OPEN('postV1Blobs'));
  await page.until(FORM('postV1Blobs') + ' !== null');
  await page.evaluate(TYPE('postV1Blobs', 'body', markup));
  await page.evaluate(SEND('postV1Blobs'));
  assert.match(await page.until(`/next/.test(${OUTPUT('postV1Blobs')}) && ${OUTPUT('postV1Blobs')}`), /^401 [^]*UNAUTHORIZED/);
  await page.evaluate(`document.getElementById('token').value = ${JSON.stringify(door.agent.token)}`);
  await page.evaluate(SEND('postV1Blobs'));
  assert.match(await page.until(`/^201/.test(${OUTPUT('postV1Blobs')}) && ${OUTPUT('postV1Blobs')}`), /^201 Created/);
  const cid = Cid.ofBlob(Buffer.from(markup));
  assert.equal(await (await door.ask('GET', `/v1/blobs/${cid}`)).text(), markup);
  const curl = await page.evaluate<string>(`document.querySelector('#postV1Blobs .curl').textContent`);
  assert.match(curl, /^curl -X POST -H "Authorization: Bearer \$TOKEN" .*--data-binary '<img src=x onerror=alert\(1\)>' 'http:/);

  await page.evaluate(OPEN('getV1BlobsCid'));
  await page.until(FORM('getV1BlobsCid') + ' !== null');
  await page.evaluate(TYPE('getV1BlobsCid', 'cid', cid.toString()));
  await page.evaluate(TYPE('getV1BlobsCid', 'headers', 'Range: bytes=1-3'));
  await page.evaluate(SEND('getV1BlobsCid'));
  assert.match(
    await page.until(`/^206/.test(${OUTPUT('getV1BlobsCid')}) && /img$/.test(${OUTPUT('getV1BlobsCid')}) && ${OUTPUT('getV1BlobsCid')}`),
    /\nimg$/,
  );

  assert.equal(await page.evaluate(`document.querySelectorAll('output img, .curl img').length`), 0, 'what comes back is text');
  const refused = (complaint: unknown): boolean => !JSON.stringify(complaint).includes('401');
  assert.deepEqual(page.complaints.filter(refused), []);
  const elsewhere = page.requested.filter((url) => !url.startsWith(door.agent.url) && !url.startsWith('data:'));
  assert.deepEqual(elsewhere, []);
});
