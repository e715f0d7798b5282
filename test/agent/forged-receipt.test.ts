import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { decode, encode } from '../../src/ipld/dag-cbor.ts';
import type { IpldMap } from '../../src/ipld/value.ts';
import { locator } from '../../src/ledger/locator.ts';
import { open, seal } from '../../src/receipt/envelope.ts';
import { GUESTS, Place } from './helpers.ts';

before(() => buildGuests());

/** Changes what a receipt says, under a CID of its own but without the key it is to be signed with. */
function forge(bytes: Uint8Array, change: (receipt: IpldMap) => IpldMap): { readonly cid: Cid.CID; readonly bytes: Uint8Array } {
  const { r, s } = open(bytes)!;
  const forged = encode(change(decode(r) as IpldMap));
  return { cid: Cid.ofValueBytes(forged), bytes: seal({ r: forged, s }) };
}

const add = (args: unknown, nnc = ''): unknown => ({
  cause: null,
  meta: {},
  prf: [],
  run: { rsc: `file:${GUESTS}/numeric.wasm`, op: 'wasm/run', nnc, input: { func: 'add', args } },
});

test('a promise on another run takes no receipt that was forged, or is of another instruction', async () => {
  using place = new Place();
  place.write('first.json', JSON.stringify({ tasks: [add([20, 22])] }));
  assert.equal((await place.runHere('first.json')).outputs['0'], 42);
  const [filed] = place.query('SELECT at, instruction, invocation, bytes FROM receipts');
  const [at, instruction, invocation, bytes] = filed as [number, Uint8Array, Uint8Array, Uint8Array];
  const file = (cid: Cid.CID, of: Uint8Array, content: Uint8Array, later: number): void =>
    place.tamper(
      'INSERT INTO receipts (at, place, cid, instruction_place, instruction, invocation, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)',
      at + later,
      locator(cid.bytes),
      cid.bytes,
      locator(of),
      of,
      invocation,
      content,
    );
  const forged = forge(bytes, (receipt) => ({ ...receipt, out: ['ok', 666] }));
  file(forged.cid, instruction, forged.bytes, 1);
  const awaited = { 'await/ok': { '/': Cid.CID.decode(instruction).toString() } };
  place.write('second.json', JSON.stringify({ tasks: [add([awaited, 1])] }));
  assert.equal((await place.runHere('second.json')).outputs['0'], 43);

  // Sound, and filed as what it is not.
  const other = Cid.ofValue('another instruction');
  file(Cid.ofValue('a name it does not have'), other.bytes, bytes, 2);
  place.write('third.json', JSON.stringify({ tasks: [add([{ 'await/ok': { '/': other.toString() } }, 1])] }));
  const third = await place.runHere('third.json', { awaitTime: 0 });
  assert.deepEqual([third.state, third.errors[0]?.code], ['failed', 'unresolved']);
});
