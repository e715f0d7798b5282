import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { buildGuests } from '../../scripts/build-guests.ts';
import { Door, type Problem } from './helpers.ts';

/** The description of the API, and requests made of it by chance. */

interface Operation {
  readonly summary: string;
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: 'path' | 'query' }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let door: Door;
let description: Description;
before(async () => {
  await buildGuests();
  door = await Door.open();
  await door.push('count-words');
  description = (await (await door.ask('GET', '/openapi.json')).json()) as Description;
});
after(() => door[Symbol.asyncDispose]());

test('every operation is described, by a name of its own', () => {
  assert.equal(description.openapi, '3.1.0');
  const operations = Object.values(description.paths).flatMap((methods) => Object.entries(methods).filter(([method]) => method !== 'head'));
  const ids = operations.map(([, { operationId }]) => operationId);
  assert.equal(new Set(ids).size, ids.length, ids.join());
  for (const [path, methods] of Object.entries(description.paths))
    for (const [method, { parameters, summary, responses }] of Object.entries(methods)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      assert.deepEqual(
        parameters
          .filter((parameter) => parameter.in === 'path')
          .map(({ name }) => name)
          .toSorted(),
        names.toSorted(),
        `${method} ${path}`,
      );
      assert.ok(summary.endsWith('.') && Object.keys(responses).length > 1);
    }
});

test('whatever is asked is answered or refused by name, and never with a fault of the agent', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'org.example.count-words',
      'org.example.count-words@1',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'sha256-uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=',
      '..',
      '%00',
      '%2f',
      '%',
      '@',
      '1',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
  );
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
  );
  const asked = fc.record({
    operation: fc.constantFrom(...operations),
    pieces: fc.array(piece, { minLength: 3, maxLength: 3 }),
    method: fc.option(fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'), { freq: 5 }),
    query: fc.option(fc.webQueryParameters()),
    body: fc.oneof(fc.constantFrom('', '{}', 'null', '{"cids":[]}', 'name = "x"'), fc.json(), fc.uint8Array()),
    range: fc.option(fc.constantFrom('bytes=0-', 'bytes=-1', 'bytes=5-2', 'bytes=999999-', 'bytes=a-b', 'items=0-1', 'bytes=0-1,3-4')),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ operation, pieces, method: other, query, body, range }) => {
      const rest = [...pieces];
      const path = operation.path.replace(/\{\w+\}/g, () => rest.shift()!) + (query === null ? '' : `?${query}`);
      const method = other ?? operation.method;
      const reply = await door.ask(method, path, {
        ...(method === 'GET' || method === 'HEAD' ? {} : { body }),
        headers: range === null ? {} : { range },
      });
      const text = await reply.text();
      assert.ok(reply.status < 500, `${method} ${path}: ${reply.status} ${text}`);
      if (reply.status >= 400 && method !== 'HEAD') assert.equal((JSON.parse(text) as Problem).status, reply.status);
    }),
    { numRuns: 400 },
  );
  assert.equal(await (await door.ask('GET', '/monitor/ping')).text(), 'pong');
});
