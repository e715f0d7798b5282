import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { checkHome } from '../../src/agent/check-home.ts';
import type { Damage } from '../../src/protocol/checks.ts';
import { checkReceipt } from '../../src/agent/check-receipt.ts';
import { Engine } from '../../src/agent/engine.ts';
import * as Modules from '../../src/agent/named-modules.ts';
import * as Tokens from '../../src/agent/tokens.ts';
import { isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { parse } from '../../src/manifest/parse.ts';
import { hexOf } from '../../src/scheduler/blob-view.ts';
import { contentPath } from '../../src/store/paths.ts';
import { GUESTS, Place } from './helpers.ts';

/** Bits flipped in the ledger's file and in blobs: whatever changes what Docket would read is found and named. */

const TEXT = Array.from({ length: 1500 }, (_, i) => `word${i}`).join(' ');

let place: Place;
/** The home as it was left by sound runs. */
let sound: string;
let rows: string;

before(async () => {
  await buildGuests();
  place = new Place();
  const module = `${GUESTS}/count-words.wasm`;
  const tasks = {
    large: { module, stdin: TEXT },
    small: { each: ['b a b', 'b c'], module, stdin: '${item}' },
    merge: { reduce: 'small', module: `${GUESTS}/merge-counts.wasm`, files: { 'parts/': { parts: '/stdout' } } },
    fail: { module: `${GUESTS}/exit.wasm`, args: ['3'] },
  };
  const outputs = {
    large: { from: 'large', at: '/stdout' },
    merged: { from: 'merge', at: '/stdout' },
    code: { from: 'fail', at: '/code', on: 'error' },
  };
  place.write('w.yaml', JSON.stringify({ name: 'flipped', tasks, outputs }));
  await place.runHere('w.yaml');
  await place.runHere('w.yaml');
  await name(module);
  // All rows into the one file where bits are flipped.
  place.tamper('PRAGMA wal_checkpoint(TRUNCATE)');
  sound = place.at('sound');
  cpSync(place.paths.home, sound, { recursive: true });
  rows = dump();
});
after(() => place[Symbol.dispose]());

/** Names a module, and makes a token for it. */
async function name(path: string): Promise<void> {
  await using engine = await Engine.open({ home: place.paths.home });
  const { cid } = await engine.store.put(readFileSync(path));
  const text = 'namespace = "org.example"\nname = "count-words"\nversion = "1.20.300"\nbinary = "w.wasm"\ndescription = ""';
  await Modules.push(engine, parse(text, 'w.toml'), cid);
  await Tokens.create(engine, { scopes: ['run'], modules: ['org.example.other'], limits: { time: 1000 } }, 60_000);
}

function restore(): void {
  rmSync(place.paths.home, { recursive: true });
  cpSync(sound, place.paths.home, { recursive: true });
}

const TABLES = {
  receipts: ['cid', 'instruction', 'invocation', 'bytes'],
  declared: ['key', 'seal'],
  resolved: ['key', 'out', 'label', 'preimage', 'seal'],
  small: ['digest', 'bytes'],
  runs: ['run', 'name', 'workflow', 'plan', 'options', 'state', 'counts', 'outputs'],
  run_tasks: ['label', 'instruction', 'state', 'via', 'key'],
  manifests: ['name', 'version', 'shown', 'written', 'manifest', 'module'],
  tokens: ['rights'],
} as const;

/** Everything these tables hold. */
function dump(): string {
  using db = new DatabaseSync(place.paths.ledger, { readOnly: true });
  return Object.keys(TABLES)
    .flatMap((table) => db.prepare(`SELECT * FROM ${table}`).all())
    .map((row) => Object.values(row).map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)))
    .join('\n');
}

async function damages(): Promise<Damage[]> {
  await using engine = await Engine.open({ home: place.paths.home });
  const looked = await Array.fromAsync(checkHome(engine, new AbortController().signal));
  return looked.flatMap(({ damage }) => damage ?? []);
}

async function badChecks(receipt: Cid.CID): Promise<string[]> {
  await using engine = await Engine.open({ home: place.paths.home });
  try {
    const checks = await Array.fromAsync(checkReceipt(engine, receipt));
    return checks.filter(({ state }) => state === 'bad').map(({ what }) => what);
  } catch (error) {
    assert.ok(isDocketError(error, 'LEDGER_DAMAGED'), String(error));
    return [error.message];
  }
}

function cellsOf(table: string, column: string): Uint8Array[] {
  using db = new DatabaseSync(place.paths.ledger, { readOnly: true });
  const cells = db.prepare(`SELECT DISTINCT ${column} AS cell FROM ${table} WHERE ${column} IS NOT NULL LIMIT 2`).all();
  return cells.map(({ cell }) => (typeof cell === 'string' ? Buffer.from(cell) : (cell as Uint8Array)));
}

/** The ledger with one bit flipped at each place where these bytes stand; gives whether that changes what a query reads. */
function* flips(bytes: Uint8Array, position: number): Generator<boolean> {
  const whole = readFileSync(place.paths.ledger);
  for (let at = whole.indexOf(bytes); at >= 0; at = whole.indexOf(bytes, at + 1)) {
    const changed = Buffer.from(whole);
    changed[at + position]! ^= 0x01;
    writeFileSync(place.paths.ledger, changed);
    yield isReadDifferently();
    restore();
  }
}

/** False also for a database that SQLite itself refuses: then Docket refuses the home by name. */
function isReadDifferently(): boolean {
  try {
    return dump() !== rows;
  } catch {
    return false;
  }
}

test('a sound home is sound', async () => {
  assert.deepEqual(await damages(), []);
});

for (const [table, columns] of Object.entries(TABLES)) {
  test(`a flipped bit in a row of ${table} is found and named`, async () => {
    let found = 0;
    for (const column of columns) {
      for (const cell of cellsOf(table, column)) {
        // Short texts stand everywhere in the file.
        if (cell.length < 6) continue;
        for (const position of [0, cell.length - 1]) {
          for (const isRead of flips(cell, position)) {
            if (!isRead) continue;
            found++;
            const [damage] = await damages();
            assert.ok(damage !== undefined && damage.name !== '' && damage.next !== '', `${table}.${column}, byte ${position}`);
          }
        }
      }
    }
    assert.ok(found > 0);
  });
}

test('a receipt whose signature or frame is wrong is not signed anew: no key leads to it any more', async () => {
  const [bytes] = cellsOf('receipts', 'bytes');
  for (const position of [0, bytes!.length - 1]) {
    for (const isRead of flips(bytes!, position)) {
      if (!isRead) continue;
      const [damage] = await damages();
      assert.match(damage!.name, /^receipt bafyrmi/);
      assert.match(damage!.problem, /^(signature|envelope): /);
      assert.match(damage!.next, /not used any more/);
      const [again] = await damages();
      assert.deepEqual([again?.name, again?.problem], [damage!.name, damage!.problem], 'it is not healed');
      await using engine = await Engine.open({ home: place.paths.home });
      assert.deepEqual([...engine.ledger.keysOfReceipt(Cid.parse(damage!.name.replace('receipt ', '')))], []);
    }
  }
});

test('`receipt verify` says which checks were made, the CIDs of instruction and invocation from the plan among them', async () => {
  const { receipt } = ownRows();
  await using engine = await Engine.open({ home: place.paths.home });
  const checks = await Array.fromAsync(checkReceipt(engine, receipt));
  assert.ok(
    checks.every(({ state }) => state === 'good'),
    JSON.stringify(checks),
  );
  const whats = checks.map(({ what }) => what);
  for (const wanted of [
    /^receipt: CID, form and signature/,
    /^row: /,
    /^instruction: CID made anew from task large of run/,
    /^invocation: /,
    /^key: /,
    /^declared key/,
  ])
    assert.ok(
      whats.some((what) => wanted.test(what)),
      `${wanted} in ${whats.join('; ')}`,
    );
});

/** The receipt of the task with the large output. */
function ownRows(): { readonly receipt: Cid.CID; readonly output: Cid.CID } {
  const filed = place
    .receipts()
    .find(({ value }) => value !== null && typeof value === 'object' && 'stdout' in value && !(value.stdout instanceof Uint8Array));
  const { stdout } = filed!.value as { stdout: Cid.CID };
  return { receipt: Cid.CID.decode(Buffer.from(filed!.cid, 'hex')), output: stdout };
}

/** Columns of the rows of one receipt, as a query for them and whether flipping the first bit must be told by `receipt verify`. */
const OWN_ROWS: Readonly<Record<string, string>> = {
  'its bytes': 'SELECT bytes AS cell FROM receipts WHERE cid = ?1',
  'its instruction': 'SELECT instruction AS cell FROM receipts WHERE cid = ?1',
  'its invocation': 'SELECT invocation AS cell FROM receipts WHERE cid = ?1',
  'the key': 'SELECT m.key AS cell FROM resolved m JOIN receipts r ON r.id = m.receipt WHERE r.cid = ?1',
  'the seal of the key': 'SELECT m.seal AS cell FROM resolved m JOIN receipts r ON r.id = m.receipt WHERE r.cid = ?1',
  'the preimage of the key': 'SELECT m.preimage AS cell FROM resolved m JOIN receipts r ON r.id = m.receipt WHERE r.cid = ?1',
  'the digest of the outcome': 'SELECT m.out AS cell FROM resolved m JOIN receipts r ON r.id = m.receipt WHERE r.cid = ?1',
  'the seal of the declared key': 'SELECT m.seal AS cell FROM declared m JOIN receipts r ON r.id = m.receipt WHERE r.cid = ?1',
};

test('a flipped bit in any row of a receipt is found by `receipt verify`', async () => {
  const { receipt } = ownRows();
  for (const [what, sql] of Object.entries(OWN_ROWS)) {
    const [table] = /(?<=FROM )\w+/.exec(sql)!;
    const column = /SELECT (?:m\.)?(\w+)/.exec(sql)![1]!;
    using db = new DatabaseSync(place.paths.ledger, { readOnly: true });
    const { cell } = db.prepare(sql).get(receipt.bytes) as { cell: Uint8Array };
    db.close();
    const changed = Uint8Array.from(cell);
    changed[changed.length - 1]! ^= 1;
    place.tamper(`UPDATE ${table} SET ${column} = ?1 WHERE ${column} = ?2`, changed, cell);
    assert.notDeepEqual(await badChecks(receipt), [], what);
    restore();
  }
  place.tamper('UPDATE receipts SET at = at + 1 WHERE cid = ?', receipt.bytes);
  assert.deepEqual(await badChecks(receipt), ['row: instruction, invocation and time']);
  restore();
});

test('a flipped bit in a blob is found by both, large or small', async () => {
  const { receipt, output } = ownRows();
  const path = contentPath(place.paths.store, hexOf(output));
  const bytes = readFileSync(path);
  bytes[7]! ^= 0x20;
  const damage = (): void => writeFileSync(path, bytes);
  damage();
  assert.deepEqual(await badChecks(receipt), [`output ${output}`]);
  restore();
  damage();
  assert.equal((await damages())[0]!.name, output.toString());
  restore();

  const small = place.receipts().find(({ value }) => value !== null && typeof value === 'object' && 'files' in value)!;
  const { files } = small.value as { files: Cid.CID };
  const flip = (): void => place.tamper('UPDATE small SET bytes = ? WHERE digest = ?', Buffer.from('rubbish'), files.multihash.digest);
  flip();
  assert.deepEqual(await badChecks(Cid.CID.decode(Buffer.from(small.cid, 'hex'))), [`output ${files}`], 'not merely absent');
  restore();
  flip();
  assert.match((await damages())[0]!.name, new RegExp(Cid.fromSha256(files.multihash.digest).toString()));
  restore();
});

test('a name whose text or module is gone is reported, and mended by pushing it again', async () => {
  const gone = async (which: 'manifest' | 'module'): Promise<void> => {
    await using engine = await Engine.open({ home: place.paths.home });
    await engine.store.delete(engine.ledger.manifests()[0]![which]!);
  };
  for (const [which, problem] of [
    ['module', /^its module is gone: /],
    ['manifest', /^its text cannot be read: /],
  ] as const) {
    await gone(which);
    const found = (await damages()).filter(({ name: of }) => of.startsWith('manifest '));
    assert.equal(found[0]?.name, 'manifest org.example.count-words@1.20.300');
    assert.match(found[0].problem, problem);
    await name(`${GUESTS}/count-words.wasm`);
    assert.deepEqual(await damages(), []);
    restore();
  }
});

test('one that waits for its module, or was removed, is no damage', async () => {
  {
    await using engine = await Engine.open({ home: place.paths.home });
    await Modules.push(
      engine,
      parse('namespace = "org.example"\nname = "w"\nversion = "1"\nbinary = "w.wasm"\ndescription = ""', 'w.toml'),
    );
    const [row] = engine.ledger.manifests('org.example.count_words');
    await engine.ledger.commit([{ kind: 'manifest-remove', name: row!.name, version: row!.version }]);
    await engine.store.delete(row!.manifest);
  }
  assert.deepEqual(await damages(), []);
  restore();
});

test('a token whose rights cannot be read lets nobody in and stops nothing else', async () => {
  place.tamper("UPDATE tokens SET rights = 'nonsense'");
  const [damage] = await damages();
  assert.match(`${damage?.name}: ${damage?.problem}`, /^token [0-9a-f]{12}: its rights cannot be read$/);
  await using engine = await Engine.open({ home: place.paths.home });
  assert.throws(() => Tokens.list(engine), { code: 'LEDGER_DAMAGED' });
  restore();
});
