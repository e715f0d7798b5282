import type { PeerService } from '../../../protocol/peers.ts';
import type { ActiveRuns } from '../../active-runs.ts';
import type { Engine } from '../../engine.ts';
import type { SharingPart } from '../../trust/sharing-part.ts';
import type { MeshPart, Tell } from '../mesh-part.ts';
import type { Company, Present } from './company.ts';
import { MeshRuns } from './mesh-runs.ts';
import { vaultOf } from './vault.ts';

interface RunsOptions {
  readonly part: MeshPart;
  readonly engine: Engine;
  readonly active: () => ActiveRuns;
  readonly peers: Pick<PeerService, 'bring'>;
  readonly sharing: Pick<SharingPart, 'trust' | 'told'>;
  readonly tell: Tell;
}

/** The runs of an agent that is in a mesh. */
export function openRuns({ part, engine, active, peers, sharing, tell }: RunsOptions): MeshRuns {
  const { mesh, members, refusals } = part;
  const { store, clock } = engine;
  const { did, incarnation } = members.self.beat.view;
  return new MeshRuns({
    engine,
    mesh,
    self: { did, incarnation },
    company: companyOf(part),
    vault: vaultOf(mesh, { store, clock, onRefused: (refused) => refusals.add(refused) }, (cid, signal) =>
      peers.bring(cid, { hops: 0, signal }),
    ),
    believes: (by) => sharing.trust.accepts(by).kind === 'yes',
    resultsTold: (ms) => sharing.told(ms),
    active,
    onTold: ({ kind, ...facts }) => tell(`run ${kind}`, facts),
  });
}

function companyOf({ members }: MeshPart): Company {
  const present = ({ beat: { view } }: { readonly beat: { readonly view: Present } }): Present => view;
  return {
    get isJudging() {
      return members.isJudging;
    },
    get self() {
      return present(members.self);
    },
    others: () => members.others().map(present),
  };
}
