import type { Services } from '../api/services.ts';
import type { Permission } from '../manifest/model.ts';
import { parse } from '../manifest/parse.ts';
import { parseReference } from '../manifest/reference.ts';
import type { Engine } from './engine.ts';
import { runJob } from './jobs.ts';
import * as Modules from './named-modules.ts';
import { VERSION } from './version.ts';

interface ServiceOptions {
  /** What modules may be given if they ask. */
  readonly policy: readonly Permission[];
}

/** What an agent on this home offers through its API. */
export function servicesOf(engine: Engine, { policy }: ServiceOptions): Services {
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
      list: (limit) =>
        engine.ledger.runs({ limit }).map(({ run, name, state, created, finished }) => ({ run, name, state, created, finished })),
    },
    status: () => ({ did: engine.key.did, version: VERSION, started, slots: engine.slotCount }),
  };
}
