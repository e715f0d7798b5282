import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { locator } from './locator.ts';
import type { Sql } from './pack.ts';
import { next, remember } from './row-numbers.ts';
import { ROW } from './row.ts';
import { seal } from './seal.ts';

/** A result that differs from the one filed first under the same resolved key. All are raw bytes: the key, and CIDs of receipts. */
export interface ConflictBytes {
  readonly key: Uint8Array;
  readonly kept: Uint8Array;
  readonly other: Uint8Array;
}

/** A row of one table names a row of another that is not there: the caller's mistake. */
export class DanglingRow extends Error {}

/**
 * Writes packed rows. Must be called inside of a transaction that holds the write lock, since it looks before it writes:
 * that is what keeps names unique.
 */
export class Applier {
  readonly #sql: ReturnType<typeof prepare>;
  /** The receipt filed last, whose key and task rows follow at once. */
  #cid: Uint8Array = new Uint8Array();
  #receipt: number | undefined;
  #run: { readonly name: string; readonly id: number } | undefined;

  constructor(db: DatabaseSync) {
    this.#sql = prepare(db);
  }

  /** To be called first in each transaction: other processes may have deleted rows since the last one. */
  begin(): void {
    this.#receipt = undefined;
    this.#run = undefined;
  }

  apply(row: readonly Sql[]): ConflictBytes | undefined {
    switch (row[0]) {
      case ROW.call:
        return undefined;
      case ROW.receipt:
        return this.#fileReceipt(row);
      case ROW.declared:
        return this.#declare(row);
      case ROW.resolved:
        return this.#resolve(row);
      case ROW.small:
        return this.#fileSmall(row);
      case ROW.smallDelete:
        this.#sql.smallDelete.run(locator(row[1] as Uint8Array), row[1]!);
        return undefined;
      case ROW.run:
        this.#sql.run.run(...row.slice(1));
        return undefined;
      case ROW.runUpdate:
        this.#sql.runUpdate.run(
          row[2]!,
          row[3]!,
          row[4]!,
          row[5]!,
          row[6]!,
          this.#runNumber(row[1] as string),
          row[7]!,
          row[8]!,
          row[9]!,
          row[10]!,
        );
        return undefined;
      case ROW.runDelete:
        this.#deleteRun(row[1] as string);
        return undefined;
      case ROW.token:
        this.#sql.token.run(...row.slice(1));
        return undefined;
      case ROW.submission:
        this.#sql.submission.run(...row.slice(1));
        return undefined;
      case ROW.memoForget:
        this.#forget(row[1] as Uint8Array);
        return undefined;
      case ROW.tokenDelete:
        this.#sql.tokenDelete.run(row[1]!);
        return undefined;
      case ROW.trust:
        return this.#trust(row);
      case ROW.refusal:
        this.#sql.refusal.run(...row.slice(1));
        return undefined;
      case ROW.mark:
        this.#sql.mark.run(...row.slice(1));
        return undefined;
      case ROW.action:
        return this.#fileAction(row);
      case ROW.alias:
        return this.#fileAlias(row);
      case ROW.stat:
        this.#sql.stat.run(...row.slice(1));
        return undefined;
      case ROW.manifest:
        this.#sql.manifest.run(...row.slice(1));
        return undefined;
      case ROW.manifestModule:
        this.#sql.manifestModule.run(...row.slice(1));
        return undefined;
      case ROW.manifestRemove:
        this.#sql.manifestRemove.run(...row.slice(1));
        return undefined;
      case ROW.runTask:
        return this.#fileTask(row);
      default:
        throw new TypeError(`unknown kind of row: ${String(row[0])}`);
    }
  }

  #fileReceipt([, cid, instruction, invocation, at, bytes]: readonly Sql[]): undefined {
    const place = locator(cid as Uint8Array);
    let id = find(this.#sql.receiptFind, place, cid!);
    if (id !== undefined) this.#sql.receiptHeal.run(bytes!, id);
    else {
      const added = this.#sql.receipt.run(at!, place, cid!, locator(instruction as Uint8Array), instruction!, invocation!, bytes!);
      id = added.lastInsertRowid as number;
    }
    this.#cid = cid as Uint8Array;
    this.#receipt = id;
  }

  #forget(cid: Uint8Array): void {
    const id = find(this.#sql.receiptFind, locator(cid), cid);
    if (id === undefined) return;
    this.#sql.declaredGone.run();
    this.#sql.resolvedGone.run();
    this.#sql.declaredForget.run(id);
    this.#sql.resolvedForget.run(id);
  }

  #trust([, ...columns]: readonly Sql[]): undefined {
    this.#sql.trust.run(...columns);
    if (columns[1] !== 'distrusted') return;
    this.#sql.declaredGone.run();
    this.#sql.declaredClear.run();
  }

  #declare([, key, cid, replace, heardOf]: readonly Sql[]): undefined {
    const receipt = this.#receiptNumber(cid as Uint8Array);
    const place = locator(key as Uint8Array);
    const id = find(this.#sql.declaredFind, place, key!);
    const sealed = seal(key as Uint8Array, cid as Uint8Array);
    if (id === undefined) this.#sql.declared.run(receipt, place, key!, sealed, heardOf!);
    else if (replace === 1) this.#sql.declaredReplace.run(receipt, sealed, heardOf!, id);
  }

  #resolve([, key, cid, replace, out, label, preimage]: readonly Sql[]): ConflictBytes | undefined {
    const receipt = this.#receiptNumber(cid as Uint8Array);
    const place = locator(key as Uint8Array);
    const found = this.#sql.resolvedFind.get(place, key!) as unknown as [id: number, kept: number, out: Uint8Array] | undefined;
    const sealed = seal(key as Uint8Array, cid as Uint8Array);
    if (found === undefined) {
      this.#sql.resolved.run(receipt, place, key!, out!, label!, preimage!, sealed);
      return undefined;
    }
    const [id, kept, keptOut] = found;
    const keptCid = this.#sql.receiptCid.get(kept) as unknown as [Uint8Array] | undefined;
    if (replace === 1 || keptCid === undefined) {
      this.#sql.resolvedReplace.run(receipt, out!, label!, preimage!, sealed, id);
      return undefined;
    }
    if (Buffer.compare(keptOut, out as Uint8Array) === 0) return undefined;
    this.#sql.conflict.run(key!, kept, receipt);
    // Copied: the packed row's memory is given back.
    return { key: Uint8Array.from(key as Uint8Array), kept: keptCid[0], other: Uint8Array.from(cid as Uint8Array) };
  }

  #fileSmall([, digest, bytes]: readonly Sql[]): undefined {
    const place = locator(digest as Uint8Array);
    const id = find(this.#sql.smallFind, place, digest!);
    if (id === undefined) this.#sql.small.run(place, digest!, bytes!);
    else this.#sql.smallHeal.run(bytes!, id);
  }

  #fileAction([, action, entry]: readonly Sql[]): undefined {
    const place = locator(action as Uint8Array);
    const id = find(this.#sql.actionFind, place, action!);
    if (id === undefined) this.#sql.action.run(place, action!, entry!);
    else this.#sql.actionReplace.run(entry!, id);
  }

  #fileAlias([, alias, blob, plain]: readonly Sql[]): undefined {
    const place = locator(alias as Uint8Array);
    const sealed = seal(alias as Uint8Array, blob as Uint8Array);
    const id = find(this.#sql.aliasFind, place, alias!);
    if (id === undefined) this.#sql.alias.run(place, alias!, blob!, plain!, sealed);
    else this.#sql.aliasReplace.run(blob!, plain!, sealed, id);
  }

  #fileTask([, run, index, label, instruction, state, via, cid, key, attempts, cause]: readonly Sql[]): undefined {
    const receipt = cid === null ? null : this.#receiptNumber(cid as Uint8Array);
    this.#sql.runTask.run(this.#runNumber(run as string), index!, label!, instruction!, state!, via!, receipt, key!, attempts!, cause!);
  }

  #deleteRun(run: string): void {
    const found = this.#sql.runFind.get(run) as unknown as [number] | undefined;
    if (found === undefined) return;
    this.#sql.submissionDelete.run(run);
    this.#sql.runTasksDelete.run(found[0]);
    this.#sql.runDelete.run(found[0]);
    this.#run = undefined;
  }

  #receiptNumber(cid: Uint8Array): number {
    if (this.#receipt !== undefined && Buffer.compare(this.#cid, cid) === 0) return this.#receipt;
    const id = find(this.#sql.receiptFind, locator(cid), cid);
    if (id === undefined) throw new DanglingRow('a row names a receipt that is not in the ledger');
    return id;
  }

  #runNumber(name: string): number {
    if (this.#run?.name !== name) {
      const row = this.#sql.runFind.get(name) as unknown as [number] | undefined;
      if (row === undefined) throw new DanglingRow(`a row names run ${name}, which is not in the ledger`);
      this.#run = { name, id: row[0] };
    }
    return this.#run.id;
  }
}

function find(statement: StatementSync, place: number, name: Sql): number | undefined {
  return (statement.get(place, name) as unknown as [number] | undefined)?.[0];
}

function prepare(db: DatabaseSync) {
  const write = (sql: string) => db.prepare(sql);
  const read = (sql: string) => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    receiptFind: read('SELECT id FROM receipts WHERE place = ? AND cid = ?'),
    receiptCid: read('SELECT cid FROM receipts WHERE id = ?'),
    receipt: write('INSERT INTO receipts (at, place, cid, instruction_place, instruction, invocation, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    receiptHeal: write('UPDATE receipts SET bytes = ? WHERE id = ?'),
    declaredFind: read('SELECT id FROM declared WHERE place = ? AND key = ?'),
    declared: write(`INSERT INTO declared (id, receipt, place, key, seal, heard_of) VALUES (${next('declared')}, ?, ?, ?, ?, ?)`),
    // With a new number: whoever goes through the rows in their order is to come upon it.
    declaredReplace: write(`UPDATE declared SET id = ${next('declared')}, receipt = ?, seal = ?, heard_of = ? WHERE id = ?`),
    resolvedFind: read('SELECT id, receipt, out FROM resolved WHERE place = ? AND key = ?'),
    resolved: write(
      `INSERT INTO resolved (id, receipt, place, key, out, label, preimage, seal) VALUES (${next('resolved')}, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    resolvedReplace: write(
      `UPDATE resolved SET id = ${next('resolved')}, receipt = ?, out = ?, label = ?, preimage = ?, seal = ? WHERE id = ?`,
    ),
    conflict: write('INSERT INTO conflicts (key, kept, other) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    smallFind: read('SELECT id FROM small WHERE place = ? AND digest = ?'),
    small: write('INSERT INTO small (place, digest, bytes) VALUES (?, ?, ?)'),
    smallHeal: write('UPDATE small SET bytes = ? WHERE id = ?'),
    smallDelete: write('DELETE FROM small WHERE place = ? AND digest = ?'),
    actionFind: read('SELECT id FROM actions WHERE place = ? AND action = ?'),
    action: write('INSERT INTO actions (place, action, entry) VALUES (?, ?, ?)'),
    actionReplace: write('UPDATE actions SET entry = ? WHERE id = ?'),
    aliasFind: read('SELECT id FROM aliases WHERE place = ? AND alias = ?'),
    alias: write('INSERT INTO aliases (place, alias, blob, plain, seal) VALUES (?, ?, ?, ?, ?)'),
    aliasReplace: write('UPDATE aliases SET blob = ?, plain = ?, seal = ? WHERE id = ?'),
    stat: write('INSERT OR REPLACE INTO stats (dev, ino, size, mtime, ctime, checked, digest) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    manifest: write(
      `INSERT INTO manifests (name, version, shown, written, manifest, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name, version) DO UPDATE SET
         shown = excluded.shown, written = excluded.written, manifest = excluded.manifest, at = iif(module IS NULL, excluded.at, at), removed = 0
       WHERE module IS NULL OR manifest = excluded.manifest`,
    ),
    manifestModule: write('UPDATE manifests SET module = ?1 WHERE name = ?2 AND version = ?3 AND manifest = ?4 AND module IS NULL'),
    manifestRemove: write('UPDATE manifests SET removed = 1 WHERE name = ? AND version = ?'),
    runFind: read('SELECT id FROM runs WHERE run = ?'),
    run: write(`INSERT INTO runs (run, name, workflow, plan, options, created, counts, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'running')`),
    runUpdate: write(
      `UPDATE runs SET state = ?1, finished = iif(?2, ?3, finished), counts = coalesce(?4, counts), outputs = coalesce(?5, outputs),
         plan = coalesce(?9, plan),
         options = iif(?10 IS NULL, coalesce(?8, options), json_set(coalesce(?8, options), '$.fetched', json(?10)))
       WHERE id = ?6 AND (?7 IS NULL OR state IN (SELECT value FROM json_each(?7)))`,
    ),
    token: write('INSERT INTO tokens (id, hash, rights, created, expires) VALUES (?, ?, ?, ?, ?)'),
    declaredGone: write(remember('declared')),
    resolvedGone: write(remember('resolved')),
    declaredForget: write('DELETE FROM declared WHERE receipt = ?'),
    resolvedForget: write('DELETE FROM resolved WHERE receipt = ?'),
    declaredClear: write('DELETE FROM declared'),
    trust: write(
      `INSERT INTO trust (did, verdict, name, why, at, evidence) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (did) DO UPDATE SET
         verdict = excluded.verdict, name = coalesce(excluded.name, name), why = excluded.why, at = excluded.at, evidence = excluded.evidence`,
    ),
    refusal: write(
      `INSERT INTO refusals (issuer, reason, count, message, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (issuer, reason) DO UPDATE SET
         count = count + excluded.count, message = excluded.message, at = excluded.at`,
    ),
    mark: write('INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)'),
    tokenDelete: write('DELETE FROM tokens WHERE id = ?'),
    submission: write('INSERT OR REPLACE INTO submissions (key, digest, run) VALUES (?, ?, ?)'),
    submissionDelete: write('DELETE FROM submissions WHERE run = ?'),
    runTasksDelete: write('DELETE FROM run_tasks WHERE run = ?'),
    runDelete: write('DELETE FROM runs WHERE id = ?'),
    runTask: write(
      `INSERT INTO run_tasks (run, task, label, instruction, state, via, receipt, key, attempts, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (run, task) DO UPDATE SET state = excluded.state, via = excluded.via, receipt = excluded.receipt, key = excluded.key,
         attempts = excluded.attempts, cause = excluded.cause`,
    ),
  };
}
