import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { checkReceipt } from '../../src/agent/check-receipt.ts';
import type { Check } from '../../src/protocol/checks.ts';
import { Engine } from '../../src/agent/engine.ts';
import { isDocketError } from '../../src/errors.ts';
import type { CID } from '../../src/ipld/cid.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { type Ipld, isLink } from '../../src/ipld/value.ts';
import { hexOf } from '../../src/scheduler/blob-view.ts';
import { contentPath } from '../../src/store/paths.ts';
import { tidy } from '../ledger/helpers.ts';
import { GUESTS, Place, type Report } from './helpers.ts';

/** Bytes of a page of the ledger. */
const PAGE = 8192;

/** What lies on disk is damaged between two runs: it is found, named and made again, and never given out. */

before(() => buildGuests());

const TEXT = Array.from({ length: 1500 }, (_, i) => `${'abc'[i % 3]}word${i}`).join(' ');

/** Words counted, and split by several tasks that all need the counts. `round` makes those run anew. */
function workflow(round: number): string {
  return JSON.stringify({
    tasks: {
      count: { module: join(GUESTS, 'count-words.wasm'), stdin: { file: 'text.txt' } },
      split: {
        each: [1, 2, 3, 4],
        module: join(GUESTS, 'split-counts.wasm'),
        stdin: { from: 'count', at: '/stdout' },
        outputs: ['by-letter/*'],
        env: { ROUND: `${round} \${item}` },
        retry: { attempts: 1 },
      },
      again: { module: join(GUESTS, 'merge-counts.wasm'), files: { 'parts/': { from: 'split', at: '/files/by-letter~1a.tsv' } } },
    },
    outputs: { counts: { from: 'count', at: '/stdout' }, again: { from: 'again', at: '/stdout' }, files: { from: 'split', at: '/files' } },
  });
}

function prepare(place: Place): void {
  place.write('text.txt', TEXT);
  place.write('0.yaml', workflow(0));
}

function fileOf(place: Place, value: Ipld | undefined): string {
  assert.ok(value !== undefined && isLink(value));
  const path = contentPath(place.paths.store, hexOf(value));
  assert.ok(existsSync(path), 'a large blob is a file');
  return path;
}

const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  'a flipped bit': flipBit,
  'a lost end': (path) => truncateSync(path, statSync(path).size - 1),
  'a lost file': (path) => rmSync(path),
  'another file': (path) => writeFileSync(path, 'not this'),
};

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

async function assertSound(place: Place): Promise<void> {
  await using engine = await Engine.open({ home: place.paths.home });
  for await (const { cid, ok } of engine.store.verify()) assert.ok(ok, `${cid} is damaged`);
}

test('a damaged blob that others need: who made it runs again, and they get the right one', async () => {
  using place = new Place();
  prepare(place);
  const first = await place.runHere('0.yaml');
  for (const [i, [what, damage]] of Object.entries(DAMAGES).entries()) {
    damage(fileOf(place, first.outputs['counts']));
    place.write('next.yaml', workflow(i + 1));
    const { state, outputs } = await place.runHere('next.yaml');
    assert.deepEqual([state, outputs], ['completed', first.outputs], what);
  }
  await assertSound(place);
  assert.deepEqual(place.leftovers(), []);
});

test('a damaged tree in the ledger is made again when its files are needed', async () => {
  using place = new Place();
  prepare(place);
  const first = await place.runHere('0.yaml');
  const [tree] = first.outputs['files'] as CID[];
  place.tamper('UPDATE small SET bytes = ? WHERE digest = ?', Buffer.from('rubbish'), tree!.multihash.digest);
  const second = await place.runHere('0.yaml', { force: ['again'] });
  assert.deepEqual([second.state, second.outputs], ['completed', first.outputs]);
  await assertSound(place);
});

test('a damaged output is never given out: it is named, and made again by the same command', async () => {
  using place = new Place();
  prepare(place);
  const first = await place.runHere('0.yaml');
  const good = readFileSync(fileOf(place, first.outputs['counts']));
  const name = String(first.outputs['counts']);

  flipBit(fileOf(place, first.outputs['counts']));
  const written = await place.docket('run', '0.yaml', '--out', place.at('out'), '--json');
  assert.equal(written.status, 0, written.stderr);
  assert.match(written.stderr, new RegExp(`^docket: .*${name} do not match it; it is made again$`, 'm'));
  assert.equal((JSON.parse(written.stdout) as Report).tasks.ran, 1, 'one document, of the run that made it');
  assert.deepEqual(readFileSync(place.at('out', 'counts')), good);

  flipBit(fileOf(place, first.outputs['counts']));
  const resumed = await place.docket('resume', 'last', '--out', place.at('resumed'));
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.deepEqual(readFileSync(place.at('resumed', 'counts')), good);

  flipBit(fileOf(place, first.outputs['counts']));
  const verified = await place.docket('store', 'verify');
  assert.equal(verified.status, 1);
  assert.match(verified.stdout, new RegExp(`damaged +${name}`));
  const third = await place.runHere('0.yaml');
  assert.deepEqual([third.state, third.outputs], ['completed', first.outputs]);
  assert.deepEqual(readFileSync(fileOf(place, first.outputs['counts'])), good);
});

test('a damaged input is named, and imported again by the next run', async () => {
  using place = new Place();
  prepare(place);
  const input = Cid.ofBlob(Buffer.from(TEXT));
  const first = await place.runHere('0.yaml');
  // Once more: a file that has only just been written is not trusted to be unchanged.
  await place.runHere('0.yaml');
  flipBit(contentPath(place.paths.store, hexOf(input)));
  const second = await place.runHere('0.yaml', { force: 'all' });
  assert.equal(second.state, 'failed');
  assert.match(second.errors[0]!.message, new RegExp(input.toString()));
  const third = await place.runHere('0.yaml', { force: 'all' });
  assert.deepEqual([third.state, third.outputs], ['completed', first.outputs]);
});

test('a damaged input is imported again by the same command, if its file is still there', async () => {
  using place = new Place();
  prepare(place);
  const input = contentPath(place.paths.store, hexOf(Cid.ofBlob(Buffer.from(TEXT))));
  const first = await place.runHere('0.yaml');
  await place.runHere('0.yaml');
  flipBit(input);
  const { status, stdout, stderr } = await place.docket('run', '0.yaml', '--force', '--json');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^docket: 1 input had been damaged and was read again: the run goes on$/m);
  const { state, outputs } = JSON.parse(stdout) as Report;
  assert.deepEqual([state, Object.keys(outputs)], ['completed', Object.keys(first.outputs)]);
  assert.equal(place.runs().at(-1)!.state, 'completed');
  assert.equal(readFileSync(input, 'utf8'), TEXT);

  flipBit(input);
  const counted = ['exec', join(GUESTS, 'count-words.wasm'), '--force', '--stdin', 'text.txt'];
  const executed = await place.docket(...counted);
  assert.equal(executed.status, 0, executed.stderr);
  assert.match(executed.stderr, /read again/);
  assert.equal(readFileSync(input, 'utf8'), TEXT);
});

test('a damaged receipt is no hit: its task runs again, and `receipt verify` names it', async () => {
  using place = new Place();
  prepare(place);
  const first = await place.runHere('0.yaml');
  const [damaged] = place.receipts();
  const receipt = Cid.CID.decode(Buffer.from(damaged!.cid, 'hex')).toString();
  const { bytes } = damaged!;
  for (let position = 0; position < bytes.length; position += Math.ceil(bytes.length / 6)) {
    const changed = Uint8Array.from(bytes);
    changed[position]! ^= 0x10;
    place.tamper('UPDATE receipts SET bytes = ? WHERE id = ?', changed, damaged!.id);
    const checks = await checked(place, receipt);
    assert.ok(
      checks.some(({ state }) => state === 'bad'),
      `byte ${position}`,
    );
  }
  const verified = await place.docket('receipt', 'verify', receipt);
  assert.equal(verified.status, 1);
  assert.match(verified.stdout, /bad .*receipt/);
  const second = await place.runHere('0.yaml', { force: ['split'] });
  assert.deepEqual([second.state, second.outputs], ['completed', first.outputs]);
  const ok = place.rawReceipts().filter(({ instruction }) => instruction === damaged!.instruction);
  assert.equal(ok.length, 2, 'the damaged one and a new one');
  const third = await place.runHere('0.yaml');
  assert.deepEqual(third.outputs, first.outputs);
});

async function checked(place: Place, receipt: string): Promise<Check[]> {
  await using engine = await Engine.open({ home: place.paths.home });
  return await Array.fromAsync(checkReceipt(engine, Cid.parse(receipt)));
}

test('a ledger with damaged pages is refused by name or gives what is right; moved away, everything is computed again', async () => {
  using place = new Place();
  prepare(place);
  const first = await place.runHere('0.yaml');
  tidy(place.paths.ledger);
  const copy = readFileSync(place.paths.ledger);
  let refused = 0;
  for (let page = 0; (page + 1) * PAGE <= copy.length; page += page < 3 ? 1 : 3) {
    const bytes = Buffer.from(copy);
    bytes.fill(0xa5, page * PAGE, page * PAGE + 512);
    writeFileSync(place.paths.ledger, bytes);
    try {
      const { state, outputs } = await place.runHere('0.yaml');
      assert.deepEqual([state, outputs], ['completed', first.outputs]);
    } catch (error) {
      assert.ok(isDocketError(error, 'LEDGER_DAMAGED') || isDocketError(error, 'HOME_UNUSABLE'), String(error));
      assert.ok(error.message.includes(place.paths.ledger), 'the file is named');
      refused++;
    }
    for (const suffix of ['-wal', '-shm']) rmSync(place.paths.ledger + suffix, { force: true });
  }
  assert.ok(refused > 0);
  writeFileSync(place.paths.ledger, Buffer.alloc(copy.length, 'no ledger'));
  const { status, stderr } = await place.docket('run', '0.yaml');
  assert.equal(status, 1);
  assert.match(stderr, /LEDGER_DAMAGED/);

  renameSync(place.paths.ledger, place.at('away.db'));
  const again = await place.runHere('0.yaml');
  assert.deepEqual([again.state, again.outputs, again.tasks.cached], ['completed', first.outputs, 0]);
});
