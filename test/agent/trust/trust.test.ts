import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HomeTrust, type Distrusted, type TrustMode } from '../../../src/agent/trust/trust.ts';
import { DocketError } from '../../../src/errors.ts';
import { ofValue } from '../../../src/ipld/cid.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import type { Refusal } from '../../../src/receipt/trust.ts';
import { HandClock } from '../../hand-clock.ts';
import { Folder } from '../../ledger/helpers.ts';

const [SELF, MEMBER, STRANGER] = ['did:key:self', 'did:key:member', 'did:key:stranger'];

class Place implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly refused: Refusal[] = [];
  readonly distrusted: Distrusted[] = [];
  readonly failures: unknown[] = [];
  expected: readonly unknown[] = [];
  /** What reading the ledger throws for the time being. */
  illness: DocketError | undefined;
  readonly #folder: Folder;
  readonly ledger: Ledger;
  readonly trust: HomeTrust;

  private constructor(folder: Folder, ledger: Ledger, mode: TrustMode) {
    this.#folder = folder;
    this.ledger = ledger;
    this.trust = new HomeTrust({
      self: SELF,
      mode,
      isMember: (did) => did === MEMBER,
      ledger: {
        trust: () => {
          if (this.illness !== undefined) throw this.illness;
          return ledger.trust();
        },
        refusals: (limit) => ledger.refusals(limit),
        commit: async (changes) => await ledger.commit(changes),
      },
      clock: this.clock,
      onRefused: (refusal) => this.refused.push(refusal),
      onDistrusted: (distrusted) => this.distrusted.push(distrusted),
      onFailure: (cause) => this.failures.push(cause),
    });
  }

  static async open(mode: TrustMode): Promise<Place> {
    const folder = new Folder();
    return new Place(folder, await Ledger.open(folder.at('ledger')), mode);
  }

  answers(): string[] {
    return [SELF, MEMBER, STRANGER].map((did) => {
      const answer = this.trust.accepts(did);
      return answer.kind === 'yes' ? 'yes' : answer.reason;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.trust[Symbol.asyncDispose]();
    assert.deepEqual(this.failures, this.expected);
    await this.ledger[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

suite('Whom an agent believes', () => {
  test('members: itself and whoever is or was one', async () => {
    await using place = await Place.open('members');
    assert.deepEqual(place.answers(), ['yes', 'yes', 'untrusted']);
  });

  test('listed: itself and whoever was added, which a command on the same home may do while it lives', async () => {
    await using place = await Place.open('listed');
    assert.deepEqual(place.answers(), ['yes', 'untrusted', 'untrusted']);
    await place.ledger.commit([{ kind: 'trust', did: STRANGER, verdict: 'trusted', name: null, why: 'x', at: 1, evidence: [] }]);
    place.clock.advance(1_001);
    assert.deepEqual(place.answers(), ['yes', 'untrusted', 'yes']);
  });

  test('whoever is distrusted is so at once, in every mode and over a restart, with the evidence; only a hand takes it back', async () => {
    await using place = await Place.open('members');
    const evidence = [ofValue('a receipt')];
    const done = place.trust.distrust({ did: MEMBER, why: 'it lied', evidence });
    assert.deepEqual(place.answers(), ['yes', 'distrusted', 'untrusted']);
    await done;
    await place.trust.distrust({ did: MEMBER, why: 'it lied again', evidence: [] });
    assert.equal(place.distrusted.length, 1);
    place.clock.advance(1_001);
    assert.deepEqual(place.answers(), ['yes', 'distrusted', 'untrusted']);
    assert.deepEqual(place.ledger.trust()[0]?.evidence, evidence.map(String));
    await place.ledger.commit([{ kind: 'trust', did: MEMBER, verdict: 'trusted', name: null, why: 'x', at: 1, evidence: [] }]);
    place.clock.advance(1_001);
    assert.deepEqual(place.answers(), ['yes', 'yes', 'untrusted']);
  });

  test('whom it believed last, while its ledger cannot be read, and what the ledger says as soon as it can', async () => {
    await using place = await Place.open('members');
    await place.ledger.commit([{ kind: 'trust', did: MEMBER, verdict: 'distrusted', name: null, why: 'x', at: 1, evidence: [] }]);
    place.clock.advance(1_001);
    assert.deepEqual(place.answers(), ['yes', 'distrusted', 'untrusted']);
    await place.ledger.commit([{ kind: 'trust', did: STRANGER, verdict: 'trusted', name: null, why: 'x', at: 1, evidence: [] }]);
    const illness = new DocketError('LEDGER_FAILED', 'the disk failed');
    place.illness = illness;
    for (let i = 0; i < 3; i++) {
      place.clock.advance(1_001);
      assert.deepEqual(place.answers(), ['yes', 'distrusted', 'untrusted']);
    }
    place.expected = [illness];
    place.illness = undefined;
    place.clock.advance(1_001);
    assert.deepEqual(place.answers(), ['yes', 'distrusted', 'yes']);
  });

  test('an agent never distrusts itself', async () => {
    await using place = await Place.open('members');
    await place.trust.distrust({ did: SELF, why: 'it lied', evidence: [] });
    assert.deepEqual([place.answers()[0], place.ledger.trust()], ['yes', []]);
  });

  test('refusals are told each, filed together, and of many issuers only so many are kept apart', async () => {
    await using place = await Place.open('members');
    for (let i = 0; i < 1_500; i++) place.trust.refused({ reason: 'forged', issuer: `did:key:${i}`, message: 'x'.repeat(10_000) });
    place.trust.refused({ reason: 'forged', issuer: 'did:key:0', message: 'last' });
    assert.equal(place.refused.length, 1_501);
    await place.trust[Symbol.asyncDispose]();
    const rows = place.ledger.refusals(10_000);
    assert.equal(rows.length, 1_001);
    assert.deepEqual([rows.find(({ issuer }) => issuer === '')?.count, rows.find(({ issuer }) => issuer === 'did:key:0')?.count], [500, 2]);
    assert(rows.every(({ message }) => message.length <= 500));
  });
});
