import { nameKey } from '../manifest/name.ts';
import { parse } from '../manifest/parse.ts';
import { parseReference } from '../manifest/reference.ts';
import type { ModuleRecords, ReceiptRecords, Records } from '../protocol/records.ts';
import * as Receipt from '../receipt/verify.ts';
import { checkBlobs, checkHome } from './check-home.ts';
import { checkReceipt } from './check-receipt.ts';
import type { Engine } from './engine.ts';
import * as Modules from './named-modules.ts';
import type { EventLog } from '../base/event-log.ts';
import { runRecords } from './run-records.ts';
import * as Tokens from './tokens.ts';

interface RecordsOptions {
  /** Logs of the runs that this process drives. */
  readonly logOfRun?: (run: string) => EventLog | undefined;
}

/** What a home keeps that is opened here. */
export function recordsOf(engine: Engine, { logOfRun }: RecordsOptions = {}): Records {
  return {
    place: engine.paths.home,
    store: engine.store,
    modules: moduleRecords(engine),
    runs: runRecords(engine, logOfRun),
    receipts: receiptRecords(engine),
    tokens: {
      create: (rights, lifetime) => Tokens.create(engine, rights, lifetime),
      list: async () => Tokens.list(engine),
      revoke: (id) => Tokens.revoke(engine, id),
    },
    check: (cids, signal) => (cids.length > 0 ? checkBlobs(engine, cids) : checkHome(engine, signal)),
  };
}

function moduleRecords(engine: Engine): ModuleRecords {
  return {
    async push(toml, module) {
      const row = await Modules.push(engine, parse(toml, 'the manifest'), module);
      return { ...row, module };
    },
    find: async (reference) => Modules.find(engine, parseReference(reference)),
    names: async () => Modules.list(engine),
    async versions(name) {
      // For the error, if there is none.
      Modules.find(engine, parseReference(name));
      return Modules.versionsOf(engine, nameKey(name));
    },
    remove: (reference) => Modules.remove(engine, parseReference(reference)),
  };
}

function receiptRecords(engine: Engine): ReceiptRecords {
  return {
    get: async (cid) => engine.ledger.receipt(cid)?.bytes,
    ofInstruction: async (instruction, limit) =>
      engine.ledger
        .receiptsOfInstruction(instruction, limit)
        .map(({ cid, at, bytes }) => ({ receipt: cid, at, out: Receipt.decode(bytes).receipt.out[0] })),
    check: (cid) => checkReceipt(engine, cid),
  };
}
