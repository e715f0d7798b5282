import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/base/units.ts';

test('sizes', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['65536', 65_536],
    ['64KiB', 65_536],
    ['64 KiB', 65_536],
    ['64MiB', 67_108_864],
    ['1.5GiB', 1_610_612_736],
    ['2TiB', 2_199_023_255_552],
    ['10kB', 10_000],
    ['10KB', 10_000],
    ['0.1kB', 100],
    ['3MB', 3_000_000],
    ['1GB', 1e9],
    ['7B', 7],
    ['', undefined],
    ['1.5', undefined],
    ['0.3B', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['64mib', undefined],
    ['64kiB', undefined],
    ['64 MiB ', undefined],
    ['MiB', undefined],
    ['9999999TiB', undefined],
    ['٣MiB', undefined],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

test('durations', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0ms', 0],
    ['250ms', 250],
    ['0.1s', 100],
    ['10s', 10_000],
    ['2m', 120_000],
    ['2min', 120_000],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['10', undefined],
    ['', undefined],
    ['s', undefined],
    ['0.5ms', undefined],
    ['-1s', undefined],
    ['10 s', undefined],
    ['10S', undefined],
    ['1e3s', undefined],
    ['99999999999999d', undefined],
  ];
  for (const [text, milliseconds] of cases) assert.equal(parseDuration(text), milliseconds, text);
});

test('no text makes the parsers throw, and what they give is a safe whole number', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{1,20} ?(B|KiB|GB|ms|s|h|d)?$/));
  fc.assert(
    fc.property(text, (written) => {
      for (const amount of [parseSize(written), parseDuration(written)])
        assert.ok(amount === undefined || (Number.isSafeInteger(amount) && amount >= 0));
    }),
  );
});

test('formats', () => {
  assert.equal(formatSize(0), '0 B');
  assert.equal(formatSize(1023), '1023 B');
  assert.equal(formatSize(1024), '1 KiB');
  assert.equal(formatSize(1_610_612_736), '1.5 GiB');
  assert.equal(formatSize(2 ** 40), '1 TiB');
  assert.equal(formatDuration(0), '0 ms');
  assert.equal(formatDuration(999), '999 ms');
  assert.equal(formatDuration(1500), '1.5 s');
  assert.equal(formatDuration(600_000), '10 min');
  assert.equal(formatDuration(24 * 86_400_000), '24 d');
});
