import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MemberChange, Members, type Own } from '../../../src/agent/mesh/members.ts';
import type { Refused } from '../../../src/agent/mesh/refusals.ts';
import type { Link } from '../../../src/mesh/mesh.ts';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { encodeBeat, encodeView } from '../../../src/protocol/mesh/beat-codec.ts';
import { BEAT, type Beat, GONE, type MemberView } from '../../../src/protocol/mesh/member.ts';
import { HandClock } from '../../hand-clock.ts';

const SELF = 'did:key:zSelf';
const OTHER = 'did:key:zOther';
const [FIRST, SECOND] = ['01AAA', '01BBB'];

/** One member with its ear at a wire that tests speak into. */
function setUp({ seesItself = true } = {}) {
  const clock = new HandClock();
  const ears = new Set<(from: string, beat: Uint8Array) => void>();
  const sent: Uint8Array[] = [];
  const wire = (from: string, bytes: Uint8Array): void => {
    for (const ear of ears) ear(from, bytes);
  };
  const mesh = {
    self: SELF,
    link: { tag: 'up', since: 0 } as Link,
    presence: {
      beat: (bytes: Uint8Array): void => {
        sent.push(bytes);
        if (seesItself) wire(SELF, bytes);
      },
      onBeat: (ear: (from: string, beat: Uint8Array) => void): Disposable => {
        ears.add(ear);
        return { [Symbol.dispose]: () => void ears.delete(ear) };
      },
    },
  };
  const own: { value: Own } = { value: { view: viewOf(SELF, SECOND), free: 2, room: 4, waiting: 0 } };
  const [changes, refused, doubles]: [MemberChange[], Refused[], unknown[]] = [[], [], []];
  const members = new Members({
    mesh,
    clock,
    own: () => own.value,
    onRefused: (what) => refused.push(what),
    onDouble: (what) => doubles.push(what),
  });
  members.onChange((change) => changes.push(change));
  members.begin();
  /** Goes on beat by beat, as clocks do. */
  const pass = (ms: number, each = (): void => {}): void => {
    for (let left = ms; left > 0; left -= BEAT) {
      clock.advance(Math.min(BEAT, left));
      each();
    }
  };
  return { clock, mesh, members, own, changes, refused, doubles, sent, wire, pass };
}

function viewOf(did: string, incarnation: string, more: Partial<MemberView> = {}): MemberView {
  return {
    did,
    incarnation,
    version: '0.1.0',
    host: `host-${incarnation}`,
    started: 0,
    slots: 2,
    memory: 2 ** 30,
    ops: ['wasm/run'],
    tags: {},
    roles: ['runner'],
    isDraining: false,
    door: null,
    ...more,
  };
}

/** Beats of one incarnation, counted. */
function speaker(did: string, incarnation: string, more: Partial<MemberView> = {}) {
  const view = encodeView(viewOf(did, incarnation, more));
  let seq = 0;
  return (beat: Partial<Beat> = {}): Uint8Array =>
    encodeBeat({ seq: ++seq, free: 2, room: 4, waiting: 0, load: 0.5, isLeaving: false, ...beat }, view);
}

const kinds = (changes: readonly MemberChange[]): string[] =>
  changes.map((change) => (change.kind === 'gone' ? `gone: ${change.because}` : change.kind));

test('a member joins with its first beat, and is gone when it was not heard for three seconds', () => {
  const { members, wire, pass, changes } = setUp();
  const other = speaker(OTHER, FIRST);
  pass(GONE, () => wire(OTHER, other()));
  assert.deepEqual(kinds(changes), ['joined']);
  assert.equal(members.get(OTHER)?.beat.view.host, `host-${FIRST}`);
  pass(GONE - BEAT);
  assert.equal(members.others().length, 1, 'not yet');
  pass(BEAT);
  assert.deepEqual(kinds(changes), ['joined', 'gone: unheard']);
  assert.deepEqual(
    members.goneLately().map(({ beat }) => beat.view.did),
    [OTHER],
  );
  wire(OTHER, other());
  assert.deepEqual(kinds(changes), ['joined', 'gone: unheard', 'joined'], 'it can come back');
  assert.deepEqual(members.goneLately(), []);
});

test('only changes that matter are told', () => {
  const { wire, changes } = setUp();
  const other = speaker(OTHER, FIRST);
  wire(OTHER, other());
  wire(OTHER, other({ load: 3 }));
  assert.deepEqual(kinds(changes), ['joined']);
  wire(OTHER, other({ free: 1 }));
  wire(OTHER, other({ free: 1, waiting: 7 }));
  assert.deepEqual(kinds(changes), ['joined', 'changed', 'changed']);
});

test('late and repeated beats keep nobody alive, and change nothing', () => {
  const { members, wire, pass, changes } = setUp();
  const other = speaker(OTHER, FIRST);
  const old = other({ free: 0 });
  wire(OTHER, other());
  pass(2 * GONE, () => wire(OTHER, old));
  assert.deepEqual(kinds(changes), ['joined', 'gone: unheard']);
  assert.deepEqual(members.others(), []);
});

test('a goodbye is believed at once', () => {
  const { members, wire, changes } = setUp();
  const other = speaker(OTHER, FIRST);
  wire(OTHER, other());
  wire(OTHER, other({ isLeaving: true }));
  assert.deepEqual(kinds(changes), ['joined', 'gone: left']);
  assert.equal(members.goneLately()[0]?.because, 'left');
});

test('a goodbye in a number that a member never comes to, which another says, does not hide it for long', () => {
  const { members, wire, pass, changes } = setUp();
  const other = speaker(OTHER, FIRST);
  wire(OTHER, other());
  wire(OTHER, other({ isLeaving: true, seq: Number.MAX_SAFE_INTEGER }));
  pass(GONE - BEAT, () => wire(OTHER, other()));
  assert.equal(members.get(OTHER), undefined, 'these may have been under way');
  pass(2 * BEAT, () => wire(OTHER, other()));
  assert.deepEqual(kinds(changes), ['joined', 'gone: left', 'joined']);
  pass(10 * GONE, () => wire(OTHER, other()));
  assert.equal(changes.length, 3);
});

test('who does not hear the engine judges nobody, nor who has just begun to hear it again', () => {
  const { members, mesh, clock, wire, pass } = setUp();
  wire(OTHER, speaker(OTHER, FIRST)());
  mesh.link = { tag: 'down', since: 0, error: new Error('cut') };
  pass(10 * GONE);
  assert.equal(members.others().length, 1);
  mesh.link = { tag: 'up', since: clock.monotonic() };
  pass(GONE - BEAT);
  assert.equal(members.others().length, 1);
  pass(BEAT);
  assert.equal(members.others().length, 0);
});

test('who stood still judges nobody before it could have heard them', () => {
  const { members, clock, wire, pass } = setUp();
  const other = speaker(OTHER, FIRST);
  pass(2 * GONE, () => wire(OTHER, other()));
  clock.advance(60_000);
  assert.equal(members.others().length, 1, 'their beats are still in the socket');
  pass(2 * BEAT);
  assert.equal(members.others().length, 1, 'one beat may be lost');
  pass(BEAT);
  assert.equal(members.others().length, 0);
});

test('who stands still now and then, as on a machine with too much to do, misses members all the same', () => {
  const { members, clock, wire, pass } = setUp();
  const [there, lost] = [speaker(OTHER, FIRST), speaker('did:key:zLost', FIRST)];
  wire('did:key:zLost', lost());
  for (let i = 0; i < 3; i++) {
    clock.advance(3 * BEAT);
    wire(OTHER, there());
    pass(3 * BEAT, () => wire(OTHER, there()));
  }
  assert.deepEqual(
    members.others().map(({ beat }) => beat.view.did),
    [OTHER],
  );
});

test('a member is missed when its time is over, not half a second later', () => {
  const { members, clock, wire } = setUp();
  clock.advance(200);
  wire(OTHER, speaker(OTHER, FIRST)());
  for (let ms = 0; ms < GONE - 50; ms += 50) clock.advance(50);
  assert.equal(members.others().length, 1);
  clock.advance(50);
  assert.equal(members.others().length, 0);
});

test('a restart is a member that is gone and one that joins, however late beats of the first come', () => {
  const { members, wire, changes, doubles, pass } = setUp();
  const [before, after] = [speaker(OTHER, FIRST), speaker(OTHER, SECOND)];
  wire(OTHER, before());
  wire(OTHER, after());
  pass(BEAT, () => (wire(OTHER, before()), wire(OTHER, after())));
  pass(3 * GONE, () => wire(OTHER, after()));
  assert.deepEqual(kinds(changes), ['joined', 'gone: restarted', 'joined']);
  assert.equal(members.get(OTHER)?.beat.view.incarnation, SECOND);
  assert.deepEqual(doubles, []);
});

test('a restart on a clock that was set back is followed when the first is gone', () => {
  const { members, wire, changes, pass, doubles } = setUp();
  const [before, after] = [speaker(OTHER, SECOND), speaker(OTHER, FIRST)];
  pass(GONE, () => wire(OTHER, before()));
  pass(2 * GONE, () => wire(OTHER, after()));
  assert.deepEqual(kinds(changes), ['joined', 'gone: unheard', 'joined']);
  assert.equal(members.get(OTHER)?.beat.view.incarnation, FIRST);
  assert.deepEqual(doubles, []);
});

test('two agents with one identity are told apart from a restart; the one that began earlier is kept', () => {
  for (const order of [
    [FIRST, SECOND],
    [SECOND, FIRST],
  ] as const) {
    const { members, wire, pass, doubles } = setUp();
    const speakers = order.map((incarnation) => speaker(OTHER, incarnation));
    pass(4 * GONE, () => speakers.forEach((speak) => wire(OTHER, speak())));
    assert.equal(members.get(OTHER)?.beat.view.incarnation, FIRST);
    assert.deepEqual(doubles, [{ did: OTHER, host: `host-${SECOND}`, isOurs: false }], 'told once');
    pass(2 * GONE, () => wire(OTHER, speakers[order.indexOf(SECOND)]!()));
    assert.equal(members.get(OTHER)?.beat.view.incarnation, SECOND, 'when the first is gone the other is as good as any');
  }
});

test('whoever finds that its identity was there before leaves', () => {
  const { members, wire, pass, doubles, sent } = setUp();
  const earlier = speaker(SELF, FIRST);
  pass(2 * GONE, () => wire(SELF, earlier()));
  assert.deepEqual(doubles, [{ did: SELF, host: `host-${FIRST}`, isOurs: true }]);
  assert.equal(members.hasLeft, true);
  const count = sent.length;
  members.nudge();
  pass(GONE);
  assert.equal(sent.length, count, 'it is silent');
});

test('whoever was there before its double stays and tells of it', () => {
  const { members, wire, pass, doubles, own } = setUp();
  own.value = { ...own.value, view: viewOf(SELF, FIRST) };
  const later = speaker(SELF, SECOND);
  pass(2 * GONE, () => wire(SELF, later()));
  assert.deepEqual(doubles, [{ did: SELF, host: `host-${SECOND}`, isOurs: false }]);
  assert.equal(members.hasLeft, false);
});

test('whoever was there long before its double stays, also if the clock of that is far behind', () => {
  const { members, wire, pass, doubles, own } = setUp();
  own.value = { ...own.value, view: viewOf(SELF, SECOND) };
  pass(60_000);
  const copy = speaker(SELF, FIRST);
  pass(2 * GONE, () => wire(SELF, copy()));
  assert.deepEqual(doubles, [{ did: SELF, host: `host-${FIRST}`, isOurs: false }]);
  assert.equal(members.hasLeft, false);
});

test('of two agents with one identity others keep the one that is there far longer, whatever their clocks said', () => {
  const { members, wire, pass, doubles } = setUp();
  const [original, copy] = [speaker(OTHER, SECOND), speaker(OTHER, FIRST)];
  pass(60_000, () => wire(OTHER, original()));
  pass(4 * GONE, () => {
    wire(OTHER, original());
    wire(OTHER, copy());
  });
  assert.equal(members.get(OTHER)?.beat.view.incarnation, SECOND);
  assert.deepEqual(doubles, [{ did: OTHER, host: `host-${FIRST}`, isOurs: false }]);
});

test('own beats go out twice a second, at once when nudged, and never in a flood', () => {
  const { members, sent, pass, clock } = setUp({ seesItself: false });
  assert.equal(sent.length, 1);
  pass(4 * BEAT);
  assert.equal(sent.length, 5);
  clock.advance(BEAT / 2);
  members.nudge();
  assert.equal(sent.length, 6);
  for (let i = 0; i < 1000; i++) members.nudge();
  assert.equal(sent.length, 6);
  clock.advance(50);
  assert.equal(sent.length, 7);
});

test('garbage, newer versions and beats in another name are refused by reason, and heard from nobody', () => {
  const { members, wire, refused } = setUp();
  wire(OTHER, Uint8Array.of(0xff, 1, 2));
  wire(OTHER, encode({ v: 2 }));
  wire(OTHER, encode({ v: 1, view: Uint8Array.of(1) }));
  wire('did:key:zLiar', speaker(OTHER, FIRST)());
  assert.deepEqual(
    refused.map(({ reason }) => reason),
    ['beat garbage', 'beat newer', 'beat shape', 'beat of another'],
  );
  assert.deepEqual(members.others(), []);
});

test('where many are it beats half as often, and tells at once what changed', () => {
  const { own, members, sent, wire, pass } = setUp();
  const others = Array.from({ length: 500 }, (_, i) => `did:key:z${i}`);
  const beats = (ms: number): number => {
    const before = sent.length;
    let seq = sent.length;
    pass(ms, () => {
      seq++;
      for (const did of others)
        wire(did, encodeBeat({ seq, free: 1, room: 1, waiting: 0, load: 0, isLeaving: false }, encodeView(viewOf(did, FIRST))));
    });
    return sent.length - before;
  };
  beats(1_000);
  assert.equal(members.size, 500);
  assert.equal(beats(10_000), 10);
  own.value = { ...own.value, free: 1 };
  const before = sent.length;
  members.nudge();
  assert.equal(sent.length, before + 1);
  assert.equal(members.size, 500, 'nobody is gone for want of beats');
});
