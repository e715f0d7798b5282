import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requestTarget } from '../../src/api/request-target.ts';
import { isDocketError } from '../../src/errors.ts';

test('what was escaped comes back once, and parts nothing', () => {
  const segment = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
      const { plain } = requestTarget(`/${segments.map(encodeURIComponent).join('/')}?a=%25`);
      assert.deepEqual(plain.slice(1).split('/').map(decodeURIComponent), segments);
    }),
  );
});

test('any bytes are a path or refused by name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (line) => {
      try {
        const { path, search } = requestTarget(line);
        assert.ok(path.startsWith('/') && (search === '' || search.startsWith('?')));
      } catch (error) {
        assert.ok(isDocketError(error, 'REQUEST_INVALID'), String(error));
      }
    }),
    { examples: [['*'], [''], ['http://'], ['https://a:99999/'], ['/%'], ['/%c0%80'], ['HTTP://a/b?c'], ['ftp://a/b']] },
  );
});

test('two ways to write a path are one, and escaped slashes and percent signs stay', () => {
  assert.deepEqual(requestTarget('/v1/%72uns?x=%72'), { path: '/v1/%72uns', search: '?x=%72', plain: '/v1/runs' });
  assert.equal(requestTarget('/a%2Fb%2525').plain, '/a%2Fb%2525');
  assert.deepEqual(requestTarget('http://other?a=b'), { path: '/', search: '?a=b', plain: '/' });
  assert.equal(requestTarget('HTTPS://other').path, '/');
  assert.deepEqual(requestTarget('http://other/v1/runs?a=b'), { path: '/v1/runs', search: '?a=b', plain: '/v1/runs' });
});
