import type { PeerService } from '../protocol/peers.ts';
import type { Records } from '../protocol/records.ts';
import type { Services } from '../protocol/services.ts';
import { DocketError } from '../errors.ts';
import type { Permission } from '../manifest/model.ts';
import { parse } from '../manifest/parse.ts';
import { parseReference } from '../manifest/reference.ts';
import type { ActiveRuns } from './active-runs.ts';
import type { Drained } from './drained.ts';
import type { Engine } from './engine.ts';
import type { MeshRuns } from './mesh/runs/mesh-runs.ts';
import { checkRights, JOB_OP, runJob } from './jobs.ts';
import * as Modules from './named-modules.ts';
import { requireOp } from './op-policy.ts';
import type { Places } from './places.ts';
import { obstacles } from './readiness.ts';
import type { Sharing } from './trust/sharing.ts';
import { runTold } from './run-told.ts';
import type { RunWatch } from './run-watch.ts';
import { taskServiceOf } from './follow-task.ts';
import { VERSION } from './version.ts';

interface ServiceOptions {
  /** What modules may be given if they ask. */
  readonly policy: readonly Permission[];
  /** Ops of tasks it runs. */
  readonly ops: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly active: ActiveRuns;
  /** The runs of its mesh, if it is in one. */
  readonly runs?: Pick<MeshRuns, 'submit' | 'resume'> | undefined;
  readonly records: Records;
  readonly watch: RunWatch;
  readonly peers: PeerService;
  readonly sharing?: Sharing | undefined;
  readonly isDraining: () => boolean;
  /** Default: it is not. */
  readonly drained?: Pick<Drained, 'is'>;
  readonly mesh?: { obstacles(): readonly string[] } | undefined;
  /** Everything that is counted, in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** For jobs under way. */
  readonly jobs: Places;
  /** `host:port`; known when the agent listens. */
  readonly address: () => string;
}

/** What an agent on this home offers through its API. */
export function servicesOf(
  engine: Engine,
  { policy, ops, tags, active, runs, records, jobs, watch, peers, sharing, isDraining, drained, mesh, metrics, address }: ServiceOptions,
): Services {
  const started = engine.clock.now();
  const refuseWhileDraining = (): void => {
    if (isDraining()) throw new DocketError('NOT_READY', 'the agent takes no work: it is being stopped');
    if (drained?.is === true)
      throw new DocketError('NOT_READY', 'the agent takes no work: it is drained', {
        next: `\`docket agents undrain ${engine.key.did}\` ends that.`,
      });
  };
  return {
    ...records,
    modules: {
      ...records.modules,
      announce: (toml) => Modules.push(engine, parse(toml, 'the manifest')),
      attach: (name, version, module) => Modules.attach(engine, name, version, module),
      findManifest: async (reference) => Modules.findManifest(engine, parseReference(reference)),
      list: async () => engine.ledger.manifests(),
    },
    jobs: {
      admit: (reference) => {
        refuseWhileDraining();
        requireOp(JOB_OP, ops, reference);
        jobs.check();
      },
      async run(job) {
        refuseWhileDraining();
        requireOp(JOB_OP, ops, job.reference);
        using _ = jobs.take();
        return await runJob(engine, { ...job, policy, watch, peers, sharing });
      },
      checkRights,
      list: (limit) =>
        engine.ledger
          .runs({ limit, isJob: true })
          .map(({ run, name, state, created, finished }) => ({ run, name, state, created, finished })),
    },
    tasks: taskServiceOf(engine, active),
    work: {
      submit: async (submission) => {
        refuseWhileDraining();
        return await (runs ?? active).submit(submission);
      },
      resume: async (run, options) => {
        refuseWhileDraining();
        return runs === undefined ? await active.resume(run, options) : await runs.resume((await records.runs.find(run)).run, options);
      },
      ends: (run, signal, turn) => runTold(engine, active, run, signal, turn),
    },
    actions: {
      find: (digest) => engine.ledger.action(Buffer.from(digest, 'hex')),
      file: async (digest, entry) => void (await engine.ledger.commit([{ kind: 'action', action: Buffer.from(digest, 'hex'), entry }])),
    },
    obstacles: async () => [
      ...(await obstacles(engine, { isDraining: isDraining() })),
      ...(drained?.is === true ? ['it is drained'] : []),
      ...(mesh?.obstacles() ?? []),
    ],
    metrics,
    status: () => ({ did: engine.key.did, version: VERSION, started, slots: engine.slotCount, ops, tags, address: address() }),
  };
}
