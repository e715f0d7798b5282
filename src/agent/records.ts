import { once } from '../base/once.ts';
import type { ModuleRecords, ReceiptRecords, Records } from '../protocol/records.ts';
import type { Engine } from './engine.ts';
import { type DrivenRuns, runRecords } from './run-records.ts';

/** What a home keeps that is opened here. Parts are loaded when they are asked for: most commands ask for one. */
export function recordsOf(engine: Engine, driven: DrivenRuns = {}): Records {
  const tokens = once(() => import('./tokens.ts'));
  const trust = once(() => import('./trust/trust-records.ts'));
  const aliases = once(async () => (await import('./resources/aliases.ts')).aliasRecords(engine));
  return {
    place: engine.paths.home,
    store: engine.store,
    modules: moduleRecords(engine),
    runs: runRecords(engine, driven),
    receipts: receiptRecords(engine),
    tokens: {
      create: async (rights, lifetime) => (await tokens()).create(engine, rights, lifetime),
      list: async () => (await tokens()).list(engine),
      revoke: async (id) => (await tokens()).revoke(engine, id),
    },
    trust: {
      list: async () => (await trust()).list(engine),
      add: async (did, name) => (await trust()).add(engine, did, name),
      remove: async (did) => (await trust()).remove(engine, did),
    },
    aliases: {
      find: async (name) => (await aliases()).find(name),
      name: async (blob) => (await aliases()).name(blob),
    },
    async *check(cids, signal) {
      const { checkBlobs, checkHome } = await import('./check-home.ts');
      yield* cids.length > 0 ? checkBlobs(engine, cids) : checkHome(engine, signal);
    },
  };
}

function moduleRecords(engine: Engine): ModuleRecords {
  const parts = once(async () => {
    const [Modules, { nameKey }, { parse }, { parseReference }] = await Promise.all([
      import('./named-modules.ts'),
      import('../manifest/name.ts'),
      import('../manifest/parse.ts'),
      import('../manifest/reference.ts'),
    ]);
    return { Modules, nameKey, parse, parseReference };
  });
  return {
    async push(toml, module) {
      const { Modules, parse } = await parts();
      const row = await Modules.push(engine, parse(toml, 'the manifest'), module);
      return { ...row, module };
    },
    async find(reference) {
      const { Modules, parseReference } = await parts();
      return Modules.find(engine, parseReference(reference));
    },
    names: async () => (await import('./named-modules.ts')).list(engine),
    async versions(name) {
      const { Modules, nameKey, parseReference } = await parts();
      // For the error, if there is none.
      Modules.find(engine, parseReference(name));
      return Modules.versionsOf(engine, nameKey(name));
    },
    async remove(reference) {
      const { Modules, parseReference } = await parts();
      return await Modules.remove(engine, parseReference(reference));
    },
  };
}

function receiptRecords(engine: Engine): ReceiptRecords {
  return {
    get: async (cid) => engine.ledger.receipt(cid)?.bytes,
    async ofInstruction(instruction, limit) {
      const { decode } = await import('../receipt/verify.ts');
      const rows = engine.ledger.receiptsOfInstruction(instruction, limit);
      return rows.map(({ cid, at, bytes }) => ({ receipt: cid, at, out: decode(bytes).receipt.out[0] }));
    },
    async *check(cid) {
      yield* (await import('./check-receipt.ts')).checkReceipt(engine, cid);
    },
  };
}
