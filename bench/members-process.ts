import { connect } from '@nats-io/transport-node';
import { Subjects } from '../src/mesh/nats/subjects.ts';
import { beatEvery, type MemberView } from '../src/protocol/mesh/member.ts';
import { encodeBeat, encodeView } from '../src/protocol/mesh/beat-codec.ts';

/** `members-process.ts SERVER MESH COUNT`: beats of so many members, spread over time as theirs are, each with another number of free slots than the one before. */

const [servers = '', mesh = '', count = ''] = process.argv.slice(2);
const STEPS = 50;

const nats = await connect({ servers });
const subjects = new Subjects(mesh);
const members = Array.from({ length: Number(count) }, (_, i) => {
  const did = `did:key:z6Mk${String(i).padStart(44, 'a')}`;
  const view: MemberView = {
    ...{ did, incarnation: String(i), version: '0.1.0', host: `host-${i}`, started: 0, slots: 4, memory: 2 ** 34 },
    ...{ ops: ['wasi/run', 'wasm/run'], tags: { zone: 'eu' }, roles: ['runner', 'store'], isDraining: false, door: null },
  };
  return { subject: subjects.beat(did), view: encodeView(view), seq: 0 };
});
let step = 0;
setInterval(
  () => {
    for (let i = step++ % STEPS; i < members.length; i += STEPS) {
      const member = members[i]!;
      const free = ++member.seq % 5;
      nats.publish(
        member.subject,
        encodeBeat({ seq: member.seq, free, room: 64 + free, waiting: 0, load: 0.5, isLeaving: false }, member.view),
      );
    }
  },
  beatEvery(members.length) / STEPS,
);
