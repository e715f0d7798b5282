import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { maker } from '../large-results.ts';
import { guest, Place } from './helpers.ts';

const { component } = await maker();
before(() => buildGuests());

const WORKFLOW = `docket: 1
tasks:
  text: { op: wasm/run, module: maker.wasm, func: text, args: [9000] }
  album: { op: wasm/run, module: maker.wasm, func: album, args: [20000] }
  bytes: { op: wasm/run, module: maker.wasm, func: bytes, args: [20000] }
  numbers: { op: wasm/run, module: maker.wasm, func: numbers, args: [5000] }
  length: { op: wasm/run, module: maker.wasm, func: length, args: [{ from: text }] }
  image: { op: wasm/run, module: maker.wasm, func: size, args: [{ from: album, at: /image }] }
  name: { op: wasm/run, module: maker.wasm, func: length, args: [{ from: album, at: /name }] }
  copied: { module: echo.wasm, stdin: { from: text } }
  copied-bytes: { module: echo.wasm, stdin: { from: bytes } }
  copied-part: { module: echo.wasm, stdin: { from: album, at: /image } }
outputs:
  length: { from: length }
  image: { from: image }
  name: { from: name }
  item: { from: numbers, at: /4999 }
  album-name: { from: album, at: /name }
  copied: { from: copied, at: /stdout }
  copied-bytes: { from: copied-bytes, at: /stdout }
  copied-part: { from: copied-part, at: /stdout }
  numbers: { from: numbers }
  album: { from: album }
  text: { from: text }
`;

test('values above 4 KiB pass between tasks, in parts and as files, and come out whole', async () => {
  using place = new Place();
  place.write('maker.wasm', component);
  place.write('echo.wasm', readFileSync(guest('echo')));
  place.write('w.yaml', WORKFLOW);
  const ran = await place.docket(['run', 'w.yaml', '--out', 'out']);
  assert.equal(ran.status, 0, ran.stderr);
  const out = (name: string): string => readFileSync(place.at(`out/${name}`), 'utf8');
  assert.deepEqual(
    ['length', 'image', 'name', 'item'].map((name) => Number(out(name))),
    [9000, 20000, 3, 0x61616161],
  );
  assert.equal(out('album-name'), 'aaa');
  assert.deepEqual(
    [out('copied'), out('copied-bytes'), out('copied-part'), out('text')],
    [9000, 20000, 20000, 9000].map((n) => 'a'.repeat(n)),
  );
  assert.deepEqual(
    JSON.parse(out('numbers')),
    Array.from({ length: 5000 }, () => 0x61616161),
  );
  assert.deepEqual([out('album/name'), out('album/image')], ['aaa', 'a'.repeat(20000)], 'in the shape of a small one');

  const again = await place.docket(['run', 'w.yaml', '--json']);
  const { tasks, outputs } = JSON.parse(again.stdout) as { tasks: { cached: number }; outputs: Record<string, { '/': string }> };
  assert.equal(tasks.cached, 10);
  const cat = await place.docket(['store', 'cat', outputs['numbers']!['/']]);
  assert.equal((JSON.parse(cat.stdout) as unknown[]).length, 5000);
  assert.equal((await place.docket(['store', 'cat', outputs['text']!['/']])).stdout, 'a'.repeat(9000));
  assert.match((await place.docket(['store', 'stat', outputs['text']!['/']])).stdout, /^value 9003 bytes/);
  const { stdout } = await place.docket(['show', 'last', '--json']);
  const { tasks: shown } = JSON.parse(stdout) as { tasks: { label: string; receipt: string }[] };
  const text = shown.find(({ label }) => label === 'text')!;
  const verified = await place.docket(['receipt', 'verify', text.receipt]);
  assert.equal(verified.status, 0, verified.stdout);
  assert.match(verified.stdout, /output .*bafir/);
});

test('a single output that is a large text is printed as it is', async () => {
  using place = new Place();
  place.write('maker.wasm', component);
  place.write('w.yaml', 'docket: 1\ntasks:\n  text: { op: wasm/run, module: maker.wasm, func: text, args: [9000] }\n');
  assert.equal((await place.docket(['run', 'w.yaml'])).stdout.trimEnd(), 'a'.repeat(9000));
  place.write('n.yaml', 'docket: 1\ntasks:\n  n: { op: wasm/run, module: maker.wasm, func: numbers, args: [5000] }\n');
  assert.equal((JSON.parse((await place.docket(['run', 'n.yaml'])).stdout) as unknown[]).length, 5000);
});
