import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { Flight } from '../../src/ledger/flight.ts';
import { SpareFlights } from '../../src/ledger/spare-flights.ts';
import { Child, Folder } from './helpers.ts';

test('attempts are read in the order they began, over several openings', () => {
  using folder = new Folder();
  const path = folder.at('flight');
  assert.deepEqual(Flight.read(path), []);
  const flight = new Flight(path);
  flight.started([{ index: 3, attempt: 1 }]);
  flight.started([{ index: 999_999, attempt: 2 }]);
  assert.deepEqual(
    Flight.read(path),
    [
      { index: 3, attempt: 1 },
      { index: 999_999, attempt: 2 },
    ],
    'written at once',
  );
  flight.close();
  flight.close();
  const again = new Flight(path);
  again.started([{ index: 3, attempt: 2 }]);
  assert.deepEqual(Flight.read(path), [
    { index: 3, attempt: 1 },
    { index: 999_999, attempt: 2 },
    { index: 3, attempt: 2 },
  ]);
  again.remove();
  assert.equal(existsSync(path), false);
  Flight.discard(path);
});

test('cut off at any byte it holds a beginning of what was written, and goes on from there', () => {
  using folder = new Folder();
  const path = folder.at('flight');
  const flight = new Flight(path);
  for (let i = 0; i < 12; i += 3) {
    flight.started([0, 1, 2].map((j) => ({ index: (i + j) * 11, attempt: i + j + 1 })));
  }
  flight.close();
  const whole = readFileSync(path);
  const all = Flight.read(path);
  for (let size = 0; size <= whole.length; size++) {
    writeFileSync(path, whole.subarray(0, size));
    const left = Flight.read(path);
    assert.deepEqual(left, all.slice(0, left.length));
    assert.ok(left.length >= all.length * (size / whole.length) - 2);
    const resumed = new Flight(path);
    resumed.started([{ index: 7, attempt: 9 }]);
    resumed.close();
    assert.deepEqual(Flight.read(path).at(-1), { index: 7, attempt: 9 });
  }
});

test('rubbish is passed over', () => {
  using folder = new Folder();
  const path = folder.at('flight');
  writeFileSync(path, '\0\0\0\0\n1 1\n-3 1\n4\n5 1 1\n6 one\n 7 1\n99999999999 1\n\n2 1\n');
  appendFileSync(path, '3 1');
  assert.deepEqual(Flight.read(path), [
    { index: 1, attempt: 1 },
    { index: 2, attempt: 1 },
  ]);
});

test('what a killed process wrote is there', async () => {
  using folder = new Folder();
  await using child = new Child('fly.ts', folder.at('flight'));
  await child.expect('under way');
  await child.kill();
  const begun = Flight.read(folder.at('flight'));
  assert.ok(begun.length > 200);
  assert.deepEqual(
    begun.map(({ index }) => index),
    begun.map((_, i) => i),
  );
});

test('a journal that ended serves the next run, empty; the first is deleted', () => {
  using folder = new Folder();
  {
    using spares = new SpareFlights(() => 'driver-0123');
    const paths = ['a', 'b', 'c'].map((name) => folder.at(name));
    const [a, b, c] = paths.map((path) => new Flight(path, spares)) as [Flight, Flight, Flight];
    a.started([{ index: 1, attempt: 1 }]);
    b.started([{ index: 2, attempt: 1 }]);
    a.remove();
    assert.deepEqual(readdirSync(folder.path), ['b']);
    b.remove();
    assert.deepEqual(readdirSync(folder.path), ['.driver-0123-1']);
    c.started([{ index: 3, attempt: 1 }]);
    assert.deepEqual(readdirSync(folder.path), ['c']);
    c.returned({ index: 3, attempt: 1 });
    c.started([{ index: 4, attempt: 1 }]);
    assert.deepEqual(Flight.read(paths[2]!), [{ index: 4, attempt: 1 }]);
    writeFileSync(paths[0]!, '9 1\n');
    c.remove();
    const again = new Flight(paths[0]!, spares);
    again.started([{ index: 9, attempt: 2 }]);
    assert.deepEqual(
      Flight.read(paths[0]!),
      [
        { index: 9, attempt: 1 },
        { index: 9, attempt: 2 },
      ],
      'one that was left is gone on with',
    );
    again.close();
  }
  assert.deepEqual(readdirSync(folder.path), ['a'], 'spares go with their process');
});

test('a spare that cannot be kept or had is none', () => {
  using folder = new Folder();
  using spares = new SpareFlights(() => 'driver-0123');
  const begin = (name: string): Flight => {
    const flight = new Flight(folder.at(name), spares);
    flight.started([{ index: 1, attempt: 1 }]);
    return flight;
  };
  begin('a').remove();
  const gone = begin('b');
  rmSync(folder.at('b'));
  gone.remove();
  begin('c').remove();
  rmSync(folder.at('.driver-0123-2'));
  begin('d').remove();
  assert.deepEqual(readdirSync(folder.path), ['.driver-0123-3']);
});

test('a run that began nothing has no journal, and one that was left by another goes with its end', () => {
  using folder = new Folder();
  new Flight(folder.at('a')).remove();
  writeFileSync(folder.at('b'), '1 1\n');
  new Flight(folder.at('b')).remove();
  assert.deepEqual(readdirSync(folder.path), []);
});

test('a place where no journal can be, and one that was closed', () => {
  using folder = new Folder();
  assert.throws(
    () => new Flight(folder.at('nowhere', 'flight')).started([{ index: 1, attempt: 1 }]),
    (error) => isDocketError(error, 'HOME_UNUSABLE'),
  );
  const flight = new Flight(folder.at('flight'));
  flight.close();
  assert.throws(
    () => flight.started([{ index: 1, attempt: 1 }]),
    (error) => isDocketError(error, 'INTERNAL'),
  );
});
