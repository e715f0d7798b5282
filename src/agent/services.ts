import type { Services } from '../protocol/services.ts';
import { DocketError } from '../errors.ts';
import type { Permission } from '../manifest/model.ts';
import { parse } from '../manifest/parse.ts';
import { parseReference } from '../manifest/reference.ts';
import { OPS } from '../runner/ops.ts';
import type { ActiveRuns } from './active-runs.ts';
import type { Engine } from './engine.ts';
import { checkRights, runJob } from './jobs.ts';
import * as Modules from './named-modules.ts';
import { receiptDocument } from './read-receipt.ts';
import { runServiceOf } from './run-service.ts';
import { taskServiceOf } from './task-logs.ts';
import { VERSION } from './version.ts';

interface ServiceOptions {
  /** What modules may be given if they ask. */
  readonly policy: readonly Permission[];
  readonly active: ActiveRuns;
  /** `host:port`; known when the agent listens. */
  readonly address: () => string;
}

/** What an agent on this home offers through its API. */
export function servicesOf(engine: Engine, { policy, active, address }: ServiceOptions): Services {
  const started = engine.clock.now();
  return {
    store: engine.store,
    modules: {
      push: (toml) => Modules.push(engine, parse(toml, 'the manifest')),
      attach: (name, version, module) => Modules.attach(engine, name, version, module),
      find: (reference) => Modules.find(engine, parseReference(reference)),
      findManifest: (reference) => Modules.findManifest(engine, parseReference(reference)),
      list: () => engine.ledger.manifests(),
    },
    jobs: {
      run: (job) => runJob(engine, { ...job, policy }),
      checkRights,
      list: (limit) =>
        engine.ledger.runs({ limit }).map(({ run, name, state, created, finished }) => ({ run, name, state, created, finished })),
    },
    runs: runServiceOf(engine, active),
    tasks: taskServiceOf(engine, active),
    receipt: (cid) => {
      const row = engine.ledger.receipt(cid);
      if (row === undefined) throw new DocketError('RECEIPT_UNKNOWN', `there is no receipt ${cid} in this home`);
      return { bytes: row.bytes, document: receiptDocument(row) };
    },
    status: () => ({ did: engine.key.did, version: VERSION, started, slots: engine.slotCount, ops: Object.keys(OPS), address: address() }),
  };
}
