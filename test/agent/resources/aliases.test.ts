import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { checkHome } from '../../../src/agent/check-home.ts';
import { Engine } from '../../../src/agent/engine.ts';
import { aliasRecords } from '../../../src/agent/resources/aliases.ts';
import * as Cid from '../../../src/ipld/cid.ts';

const folder = mkdtempSync(join(tmpdir(), 'docket-aliases-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Names of the damaged things of a home, and how many aliases were looked at. */
async function looked(engine: Engine): Promise<{ readonly damaged: string[]; readonly aliases: number }> {
  const all = await Array.fromAsync(checkHome(engine, new AbortController().signal));
  return {
    damaged: all.flatMap(({ damage }) => (damage === undefined ? [] : [`${damage.name}: ${damage.problem}`])),
    aliases: all.filter(({ kind }) => kind === 'alias').length,
  };
}

test('names are checked against the bytes they name', async () => {
  const home = join(folder, 'home');
  let alias: Cid.CID;
  let ledger: string;
  const wrong = Cid.ofUnixFs(Uint8Array.of(1));
  {
    await using engine = await Engine.open({ home, slots: 1 });
    ledger = engine.paths.ledger;
    const { cid } = await engine.store.put(new Uint8Array(300_000));
    alias = await aliasRecords(engine).name(cid);
    assert.deepEqual(await looked(engine), { damaged: [], aliases: 1 });
    // Sealed, and wrong from the beginning.
    await engine.ledger.commit([{ kind: 'alias', alias: wrong, blob: cid, isPlain: true }]);
    const { damaged } = await looked(engine);
    assert.deepEqual(damaged, [`alias ${wrong}: the blob it names, ${cid}, is called ${alias}`]);
    await engine.store.delete(cid);
    assert.deepEqual((await looked(engine)).damaged, [], 'nothing can be said of what is not here');
  }
  {
    using db = new DatabaseSync(ledger);
    db.prepare('UPDATE aliases SET seal = ? WHERE alias = ?').run(new Uint8Array(8), alias.bytes);
  }
  await using engine = await Engine.open({ home, slots: 1 });
  assert.deepEqual((await looked(engine)).damaged, [`alias ${alias}: it names another blob than when it was filed`]);
});
