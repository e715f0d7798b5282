import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { generateSeed, type Key, keyOf } from '../../src/ipld/identity.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { decodeShared, encodeShared, type SharedResult } from '../../src/protocol/mesh/shared-result.ts';
import { toIpld } from '../../src/receipt/model.ts';
import { state } from '../../src/receipt/statement.ts';
import { decode } from '../../src/receipt/verify.ts';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { fibs, Lab, until } from './lab.ts';

/** A hostile client with all the rights of a mesh, against a real agent on a real server. */

interface Filed {
  /** The last word of its subject. */
  readonly key: string;
  readonly shared: SharedResult;
}

/** Everything that is filed in a mesh from now on, as whoever has its rights hears it. */
async function eavesdrop(url: string, mesh: string) {
  const connection = await connect({ servers: url });
  const filed = new Map<string, Filed>();
  connection.subscribe(`docket.${mesh}.result.*`, {
    callback: (_, { subject, data }) => {
      const key = subject.slice(subject.lastIndexOf('.') + 1);
      const shared = decodeShared(data.subarray(1 + data[0]!));
      if (!('refused' in shared)) filed.set(key, { key, shared });
    },
  });
  await connection.flush();
  return { connection, filed, [Symbol.asyncDispose]: async () => await connection.close() };
}

function framed(issuer: string, value: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(issuer.length), Buffer.from(issuer), value]);
}

async function signed(value: Ipld, key: Key): Promise<Uint8Array> {
  return encode({ r: value, s: await key.sign(encode(value)) });
}

const stranger = keyOf(generateSeed());
const outputOf = ({ shared }: Filed): number => Number(decode(shared.receipt).receipt.out[1]);
const plainOf = ({ shared }: Filed): IpldMap => toIpld(decode(shared.receipt).receipt);

const reasonIn = (why: unknown): string => String(why).split(':')[0]!;

type Forge = (one: Filed, all: readonly Filed[]) => Promise<SharedResult>;

/** What is filed instead, and what it is refused for under its declared key and its resolved one. */
const FORGERIES: Readonly<Record<string, { readonly forge: Forge; readonly reason: string; readonly named: 'author' | 'stranger' }>> = {
  'signed by somebody nobody knows': {
    async forge(one) {
      const plain = plainOf(one);
      const own = { ...plain, iss: stranger.did, meta: { ...(plain['meta'] as IpldMap), agent: stranger.did } };
      const statement = one.shared.statement && (await state(Buffer.from(one.key, 'hex'), Cid.ofValue(own), stranger));
      return { ...one.shared, receipt: await signed(own, stranger), statement };
    },
    reason: 'untrusted',
    named: 'stranger',
  },
  'with another output': {
    async forge({ shared }) {
      const { receipt, signature } = decode(shared.receipt);
      return { ...shared, receipt: encode({ r: { ...toIpld(receipt), out: ['ok', 666] }, s: signature }) };
    },
    reason: 'forged',
    named: 'author',
  },
  'of another task': {
    forge: async ({ shared }, all) => {
      const other = all.find(
        (each) => each.shared.statement === undefined && !decode(each.shared.receipt).cid.equals(decode(shared.receipt).cid),
      );
      return { ...shared, receipt: other!.shared.receipt };
    },
    reason: 'other',
    named: 'author',
  },
  unsigned: {
    forge: async (one) => ({ ...one.shared, receipt: encode(plainOf(one)) }),
    reason: 'unsigned',
    named: 'author',
  },
  'with the key of an old receipt exchanged': {
    async forge(one) {
      const plain = plainOf(one);
      const meta = { ...(plain['meta'] as IpldMap), key: Buffer.alloc(32, 7) };
      return { ...one.shared, receipt: encode({ r: { ...plain, meta }, s: decode(one.shared.receipt).signature }) };
    },
    reason: 'forged',
    named: 'author',
  },
  'signed anew over another output by somebody else, in the name of its issuer': {
    forge: async (one) => ({ ...one.shared, receipt: await signed({ ...plainOf(one), out: ['ok', 666] }, stranger) }),
    reason: 'forged',
    named: 'author',
  },
};

suite('well-formed forged results on a real server', { skip: noNatsServer, timeout: 120_000 }, () => {
  test('each is refused, counted and named; the task is run instead', async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    await using ear = await eavesdrop(server.url, 'authors');
    // Each task has an output of its own, by which what is filed of it is known.
    const names = Object.keys(FORGERIES);
    const numbers = ['sound', ...names].map((_, i) => 10 + i);
    const work = fibs(numbers, 'forged');
    const [author, user] = await Promise.all([
      lab.start('author', { mesh: 'authors' }),
      lab.start('user', { mesh: 'users', more: ['--trust', 'listed'] }),
    ]);
    const { did } = author;
    const [first] = await Promise.all([lab.run(author, work), lab.docket(user, ['trust', 'add', did])]);
    // Tasks that await nothing are filed under one key.
    await until(() => ear.filed.size === numbers.length);

    const all = [...ear.filed.values()];
    const outputs = first.outputs['all'] as readonly number[];
    for (const one of all) {
      const name = names[outputs.indexOf(outputOf(one)) - 1];
      const shared = name === undefined ? one.shared : await FORGERIES[name]!.forge(one, all);
      await ear.connection.request(`docket.users.result.${one.key}`, framed(did, encodeShared(shared)));
    }

    const { run, tasks, outputs: right } = await lab.run(user, work);
    // A sound receipt of one who is listed is used from wherever it comes: the others are refused for what they are.
    assert.deepEqual([tasks.ran, tasks.cached, right], [names.length, 1, first.outputs]);
    const refused = (await lab.events(user, run)).filter(({ kind }) => kind === 'refused');
    const told = names.map((name, i) => {
      const { reason, named } = FORGERIES[name]!;
      return `fib[${11 + i}] ${reason} ${named === 'author' ? did : stranger.did}`;
    });
    assert.deepEqual(
      refused.map(({ label, why, member }) => `${String(label)} ${reasonIn(why)} ${String(member)}`).toSorted(),
      told.toSorted(),
    );
    for (const [reason, count] of Object.entries(Object.groupBy(refused, ({ why }) => reasonIn(why))))
      assert.equal(await lab.metric(user, 'docket_receipts_refused_total', `"${reason}"`), count?.length, reason);
    const logged = user.log.split('\n').filter((line) => line.includes('"receipt refused"'));
    assert.equal(logged.length, refused.length);
    const listed = async (): Promise<string> => (await lab.docket(user, ['trust', 'ls'])).stdout;
    assert.match(await listed(), new RegExp(`^${did} .* trusted `, 'm'), 'what was forged in its name is held against nobody');
    // They are counted together for a second before they are written.
    for (const line of told)
      await until(async () => new RegExp(`^${line.split(' ')[2]!} +${line.split(' ')[1]!} `, 'm').test(await listed()));
  });
});
