import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { DocketError } from '../errors.ts';
import { PAGE } from './page.ts';
import { seal } from './seal.ts';
import { isBusy } from './sqlite-failure.ts';

/**
 * The tables, as a list of steps: step n leads from format n to format n + 1, and a released step never changes. Steps may call `seal` (`seal.ts`).
 * The format stands in `PRAGMA user_version`, where any version of Docket can read it, and `formats` tells when each step was taken.
 *
 * Rows are appended in the order they come and found through indexes over `place`, a number made of the row's name (`locator.ts`);
 * that names are unique is seen to by the writers, which look before they insert. Tables clustered by name were rejected, since each
 * insert then dirties a page of its own. Key and task rows name receipts by number, which keeps those indexes append-only.
 */
const STEPS: readonly string[] = [
  `
  CREATE TABLE formats (format INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;

  CREATE TABLE receipts (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, place INTEGER NOT NULL, cid BLOB NOT NULL, instruction_place INTEGER NOT NULL,
    instruction BLOB NOT NULL, invocation BLOB NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX receipts_by_cid ON receipts (place);
  CREATE INDEX receipts_by_instruction ON receipts (instruction_place);

  CREATE TABLE declared (id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL) STRICT;
  CREATE INDEX declared_by_key ON declared (place);
  CREATE TABLE resolved (
    id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL, out BLOB NOT NULL, label TEXT NOT NULL,
    preimage BLOB NOT NULL
  ) STRICT;
  CREATE INDEX resolved_by_key ON resolved (place);
  CREATE INDEX resolved_by_receipt ON resolved (receipt);
  CREATE INDEX resolved_by_label ON resolved (label);
  CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, kept INTEGER NOT NULL, other INTEGER NOT NULL, UNIQUE (key, other)
  ) STRICT;

  CREATE TABLE small (id INTEGER PRIMARY KEY, place INTEGER NOT NULL, digest BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE INDEX small_by_digest ON small (place);

  CREATE TABLE stats (
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, checked INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (dev, ino)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, name TEXT NOT NULL, workflow BLOB NOT NULL, plan BLOB, options TEXT NOT NULL,
    state TEXT NOT NULL, created INTEGER NOT NULL, finished INTEGER, counts TEXT, outputs BLOB
  ) STRICT;
  CREATE TABLE run_tasks (
    run INTEGER NOT NULL, task INTEGER NOT NULL, label TEXT NOT NULL, instruction BLOB NOT NULL, state TEXT NOT NULL, via TEXT, receipt INTEGER,
    key BLOB, attempts INTEGER NOT NULL, cause INTEGER, PRIMARY KEY (run, task)
  ) STRICT, WITHOUT ROWID;
  `,
  // Keys are tied to their receipts. Those on record get the seal of the receipt they name, so that no result has to be computed again.
  `
  CREATE TABLE sealed (
    id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL, seal BLOB NOT NULL
  ) STRICT;
  INSERT INTO sealed (id, receipt, place, key, seal)
    SELECT m.id, m.receipt, m.place, m.key, seal(m.key, r.cid) FROM declared m JOIN receipts r ON r.id = m.receipt ORDER BY m.id;
  DROP TABLE declared;
  ALTER TABLE sealed RENAME TO declared;
  CREATE INDEX declared_by_key ON declared (place);

  CREATE TABLE sealed (
    id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL, out BLOB NOT NULL, label TEXT NOT NULL,
    preimage BLOB NOT NULL, seal BLOB NOT NULL
  ) STRICT;
  INSERT INTO sealed (id, receipt, place, key, out, label, preimage, seal)
    SELECT m.id, m.receipt, m.place, m.key, m.out, m.label, m.preimage, seal(m.key, r.cid)
    FROM resolved m JOIN receipts r ON r.id = m.receipt ORDER BY m.id;
  DROP TABLE resolved;
  ALTER TABLE sealed RENAME TO resolved;
  CREATE INDEX resolved_by_key ON resolved (place);
  CREATE INDEX resolved_by_receipt ON resolved (receipt);
  CREATE INDEX resolved_by_label ON resolved (label);
  `,
  // Named modules and tokens, of which there are few, so they need no places; the keys that runs were submitted with; and what other build tools file
  // under the names of their actions.
  `
  CREATE TABLE manifests (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, shown TEXT NOT NULL, written TEXT NOT NULL, manifest BLOB NOT NULL, module BLOB, at INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0, UNIQUE (name, version)
  ) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, rights TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE submissions (key TEXT PRIMARY KEY, digest TEXT NOT NULL, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX submissions_by_run ON submissions (run);
  CREATE TABLE actions (id INTEGER PRIMARY KEY, place INTEGER NOT NULL, action BLOB NOT NULL, entry BLOB NOT NULL) STRICT;
  CREATE INDEX actions_by_digest ON actions (place);
  `,
  // Blobs by the names that others have for them. Sealed as keys are: a name that came to mean another blob would give a wrong result.
  `
  CREATE TABLE aliases (
    id INTEGER PRIMARY KEY, place INTEGER NOT NULL, alias BLOB NOT NULL, blob BLOB NOT NULL, plain INTEGER NOT NULL, seal BLOB NOT NULL
  ) STRICT;
  CREATE INDEX aliases_by_name ON aliases (place);
  `,
  // Whom results are taken from and what was refused, of which there is little; how far a mesh was told of the results here; and of short cuts which
  // agent is to be thanked for them: null where this home found them itself.
  `
  CREATE TABLE trust (
    did TEXT PRIMARY KEY, verdict TEXT NOT NULL, name TEXT, why TEXT NOT NULL, at INTEGER NOT NULL, evidence TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE refusals (
    issuer TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (issuer, reason)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  ALTER TABLE declared ADD COLUMN heard_of TEXT;
  `,
];

export const FORMAT = STEPS.length;

/** "Dckt", so that a database of something else is not taken for a ledger. */
const APPLICATION = 0x44636b74;

/** How long opening waits for other processes that create or upgrade the same ledger, in ms. */
const PATIENCE = 15_000;

/**
 * A reading connection to the ledger at `path`, which is created or upgraded to this format if need be. Throws `HOME_NEWER` before anything is
 * written, and `HOME_UNUSABLE` if the database is not a ledger; SQLite's own errors pass through.
 */
export function openReading(path: string, now: number): DatabaseSync {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isFile() === false) throw new DocketError('HOME_UNUSABLE', `${path} is no file, so it cannot be a ledger`);
  if (file !== undefined) {
    // Kept, since the first connection to a ledger takes up what is in its log: a second look would do that again.
    using stack = new DisposableStack();
    const found = stack.use(new DatabaseSync(path, { readOnly: true, timeout: PATIENCE }));
    if (formatOf(found, path) === FORMAT) {
      stack.move();
      return found;
    }
  }
  {
    using made = new DatabaseSync(path, { timeout: PATIENCE, enableForeignKeyConstraints: false });
    upgrade(made, path, now);
  }
  return new DatabaseSync(path, { readOnly: true, timeout: PATIENCE });
}

function upgrade(db: DatabaseSync, path: string, now: number): void {
  // SQLite does not wait by itself while another connection switches the same file to WAL.
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    try {
      db.exec(
        `PRAGMA page_size = ${PAGE}; PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE`,
      );
      break;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
  }
  try {
    // SQLite falls back to another mode by itself where the file system lacks shared memory.
    if (db.prepare('PRAGMA journal_mode').get()?.journal_mode !== 'wal') {
      throw new DocketError(
        'HOME_UNUSABLE',
        `${path}: the file system cannot hold a ledger, since it has no shared memory for its write-ahead log`,
      );
    }
    db.function('seal', { deterministic: true }, (key, cid) => seal(key as Uint8Array, cid as Uint8Array));
    for (let format = formatOf(db, path); format < FORMAT; format++) {
      db.exec(STEPS[format]!);
      db.prepare('INSERT INTO formats (format, at) VALUES (?, ?)').run(format + 1, now);
    }
    db.exec(`PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${FORMAT}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** What one moment was: a ledger that another process makes meanwhile would be half a ledger, one look with the next. */
function atOnce<T>(db: DatabaseSync, look: () => T): T {
  if (db.isTransaction) return look();
  db.exec('BEGIN');
  try {
    return look();
  } finally {
    // Some failures end it by themselves.
    if (db.isTransaction) db.exec('ROLLBACK');
  }
}

/** Throws `HOME_NEWER`, and `HOME_UNUSABLE` if it is no ledger. */
export function formatOf(db: DatabaseSync, path: string): number {
  const { format, application, isEmpty } = atOnce(db, () => ({
    format: pragma(db, 'user_version'),
    application: pragma(db, 'application_id'),
    isEmpty: db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined,
  }));
  if (application !== APPLICATION && !(application === 0 && format === 0 && isEmpty)) {
    throw new DocketError('HOME_UNUSABLE', `${path} is a database, but not a ledger of Docket`);
  }
  if (format > FORMAT) {
    throw new DocketError('HOME_NEWER', `${path} has format ${format}; this Docket knows formats up to ${FORMAT}`, {
      details: { format, known: FORMAT },
    });
  }
  return format;
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
