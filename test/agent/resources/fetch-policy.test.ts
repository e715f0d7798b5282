import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import { checkUrl, fetchPolicy, isPublicAddress, parseFetch } from '../../../src/agent/resources/fetch-policy.ts';
import { parseGateway } from '../../../src/agent/resources/places.ts';
import { Fetcher } from './helpers.ts';

function isAllowed(url: string, said: readonly string[], gateways: readonly string[] = []): boolean {
  const policy = fetchPolicy(
    said.map((text) => parseFetch(text)!),
    gateways,
  );
  try {
    checkUrl(policy, new URL(url));
    return true;
  } catch (error) {
    assert.ok(isDocketError(error, 'RESOURCE_REFUSED'), String(error));
    return false;
  }
}

suite('from where resources are fetched', () => {
  test('nothing is fetched unless it is said from where', () => {
    assert.equal(isAllowed('https://example.com/a', []), false);
    assert.equal(isAllowed('https://example.com/a', ['public']), true);
    assert.equal(isAllowed('https://example.com/a', ['example.com']), true);
    assert.equal(isAllowed('https://a.b.example.com/a', ['example.com']), true);
    assert.equal(isAllowed('https://badexample.com/a', ['example.com']), false);
    assert.equal(isAllowed('https://example.com.evil.org/a', ['example.com']), false);
    assert.equal(isAllowed('https://example.com:8443/a', ['example.com']), false);
    assert.equal(isAllowed('https://example.com:8443/a', ['example.com:8443']), true);
    assert.equal(isAllowed('https://example.com/a', ['example.com:443']), true);
    assert.equal(isAllowed('https://example.com/a', ['example.com:80']), false);
    assert.equal(isAllowed('http://example.com/a', ['example.com:80']), true);
    assert.equal(isAllowed('http://[::1]:81/a', ['[::1]:81']), true);
    assert.equal(isAllowed('http://[::81]/a', ['[::81]']), true);
    assert.equal(isAllowed('https://EXAMPLE.com/a', ['Example.com']), true);
    assert.equal(isAllowed('https://gateway.example/ipfs/x', [], ['https://gateway.example/base']), true);
  });

  test('addresses that are private are asked for nothing unless they were named, however they are written', () => {
    const written = [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '10.1.2.3',
      '192.168.0.1',
      '172.31.9.9',
      '169.254.169.254',
      '0.0.0.0',
      '100.64.1.1',
    ];
    const v6 = [
      '[::1]',
      '[::]',
      '[fe80::1]',
      '[fd00::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:a9fe:a9fe]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      '[2001:0:7f00:1::]',
      '[::127.0.0.1]',
    ];
    for (const host of [...written, ...v6]) assert.equal(isAllowed(`http://${host}/x`, ['public']), false, host);
    assert.equal(isAllowed('http://127.1/x', ['127.0.0.1']), true);
    assert.equal(isAllowed('http://127.0.0.1:81/x', ['127.0.0.1']), false);
    assert.equal(isAllowed('http://93.184.216.34/x', ['public']), true);
    assert.equal(isAllowed('http://[2606:2800:220:1::1]/x', ['public']), true);
  });

  test('a refusal says what would help, and nothing that would not', () => {
    const adviceOn = (url: string, said: readonly string[]): string => {
      try {
        checkUrl(
          fetchPolicy(
            said.map((text) => parseFetch(text)!),
            [],
          ),
          new URL(url),
        );
      } catch (error) {
        assert.ok(isDocketError(error, 'RESOURCE_REFUSED'));
        return error.next;
      }
      return assert.fail('allowed');
    };
    for (const said of ['127.0.0.1', 'public', 'example.com']) {
      const [, host] = /--fetch (\S+)/.exec(adviceOn('http://127.0.0.1:18991/x', [said]))!;
      assert.equal(host, '127.0.0.1:18991');
      assert.equal(isAllowed('http://127.0.0.1:18991/x', [said, host]), true);
    }
    for (const url of ['file:///etc/passwd', 'http://user@127.0.0.1/']) assert.doesNotMatch(adviceOn(url, ['public']), /--fetch/);
  });

  test('names are looked at by the addresses they have', async () => {
    const fetcher = new Fetcher([], { fetch: ['public'] });
    await assert.rejects(fetcher.resources.get('http://localhost:1/x'), (error) => isDocketError(error, 'RESOURCE_REFUSED'));
    assert.equal(isPublicAddress('no address'), false);
  });

  test('other protocols and users in URLs are refused', () => {
    for (const url of ['file:///etc/passwd', 'ftp://example.com/', 'data:,x', 'https://user@example.com/', 'https://:secret@example.com/'])
      assert.equal(isAllowed(url, ['public', 'example.com']), false, url);
  });

  test('what names no host or gateway is none', () => {
    for (const text of ['', 'https://example.com', 'a b', 'a/b', 'a:b', 'a:99999', 'a@b', '[::1', '*', '*.example.com'])
      assert.equal(parseFetch(text), undefined, text);
    assert.deepEqual(parseFetch('[::1]:8080'), { name: '[::1]', port: '8080' });
    assert.deepEqual(parseFetch('example.com:80'), { name: 'example.com', port: '80' });
    for (const text of [
      '',
      'example.com',
      'ftp://example.com',
      'https://u:p@example.com',
      'https://example.com?x',
      'https://example.com/#x',
    ])
      assert.equal(parseGateway(text), undefined, text);
    assert.equal(parseGateway('https://Example.com/'), 'https://example.com');
  });
});
