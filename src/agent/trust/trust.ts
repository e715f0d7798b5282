import type { Clock } from '../../base/clock.ts';
import { isDocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Change, CommitResult } from '../../ledger/ledger.ts';
import type { TrustRow } from '../../ledger/trust.ts';
import type { Acceptance, Refusal, Trust } from '../../receipt/trust.ts';

/**
 * Whom an agent believes, while it is in a mesh.
 *
 * - `members`, the default: whoever is or was a member of this mesh, unless it was found to be wrong. Who may be a member is decided where the credentials of the
 *   engine are given out; having to name each agent again would make a mesh of one owner share nothing until its owner found out why.
 * - `listed`: only those that were added by hand, for a mesh of several owners.
 *
 * Invariants
 * T1. What the ledger says of an agent goes before all else, whoever wrote it: a command on the same home is heard within `STALE`. While the ledger cannot be read, what it said
 *     last counts: whom to believe is asked in timers and by messages, where nobody could do anything about that.
 * T2. An agent believes itself.
 * T3. Refusals are gathered and filed every `GATHER`; so many issuers are kept apart, the others are counted together. What a crash loses is a count.
 */
export type TrustMode = 'members' | 'listed';

export const TRUST_MODES: readonly TrustMode[] = ['members', 'listed'];

interface Options {
  readonly self: string;
  readonly mode: TrustMode;
  /** Whether somebody is or was a member of this mesh. */
  readonly isMember: (did: string) => boolean;
  readonly ledger: TrustLedger;
  readonly clock: Clock;
  /** For the log and the metrics of the agent. Do not throw. */
  readonly onRefused: (refusal: Refusal) => void;
  readonly onDistrusted: (distrusted: Distrusted) => void;
  /** The ledger took something no more, or cannot be read, which is told once as long as it lasts. Does not throw. */
  readonly onFailure: (cause: unknown) => void;
}

/** What this needs of a ledger. */
export interface TrustLedger {
  trust(): TrustRow[];
  refusals(limit: number): { readonly issuer: string }[];
  commit(changes: readonly Change[]): Promise<CommitResult>;
}

export interface Distrusted {
  readonly did: string;
  readonly why: string;
  readonly evidence: readonly CID[];
}

/** How old what is known of the ledger may be, in ms. */
const STALE = 1_000;
const GATHER = 1_000;
/** Issuers whose refusals are counted apart. */
const MOST_ISSUERS = 1_000;
const MOST_EVIDENCE = 16;
/** Characters of a message that is kept. */
const MOST_MESSAGE = 500;

interface Tally {
  count: number;
  message: string;
  at: number;
}

export class HomeTrust implements Trust, AsyncDisposable {
  readonly mode: TrustMode;
  readonly #options: Options;
  #rows: Map<string, TrustRow>;
  #readAt: number;
  #isReadable = true;
  readonly #issuers: Set<string>;
  /** By issuer, then reason. */
  #tallies = new Map<string, Map<string, Tally>>();
  #stopTimer: (() => void) | undefined;
  /** Commits under way. */
  readonly #filing = new Set<Promise<unknown>>();

  /** Throws what reading the ledger throws; nothing else does. */
  constructor(options: Options) {
    this.#options = options;
    this.mode = options.mode;
    this.#rows = rowsIn(options.ledger);
    this.#readAt = options.clock.monotonic();
    this.#issuers = new Set(options.ledger.refusals(MOST_ISSUERS).map(({ issuer }) => issuer));
  }

  accepts(issuer: string): Acceptance {
    const { self, isMember } = this.#options;
    if (issuer === self) return { kind: 'yes' };
    const row = this.#rowOf(issuer);
    if (row?.verdict === 'distrusted') return { kind: 'no', reason: 'distrusted', why: `${issuer} is distrusted: ${row.why}` };
    if (row?.verdict === 'trusted') return { kind: 'yes' };
    if (this.mode === 'listed') return { kind: 'no', reason: 'untrusted', why: `${issuer} is not listed: docket trust ls` };
    if (isMember(issuer)) return { kind: 'yes' };
    return { kind: 'no', reason: 'untrusted', why: `${issuer} was never a member of this mesh` };
  }

  refused(refusal: Refusal): void {
    const { clock, onRefused } = this.#options;
    onRefused(refusal);
    const issuer = this.#apart(refusal.issuer ?? '');
    const reasons = this.#tallies.get(issuer) ?? new Map<string, Tally>();
    this.#tallies.set(issuer, reasons);
    const tally = reasons.get(refusal.reason) ?? { count: 0, message: '', at: 0 };
    reasons.set(refusal.reason, tally);
    tally.count++;
    tally.message = refusal.message.slice(0, MOST_MESSAGE);
    tally.at = clock.now();
    this.#stopTimer ??= clock.after(GATHER, () => this.#file());
  }

  /** Takes nothing of an agent any more. Resolves when that is durable; what is asked before is answered so already. */
  async distrust({ did, why, evidence }: Distrusted): Promise<void> {
    const { self, clock, ledger, onDistrusted } = this.#options;
    if (did === self || this.#rowOf(did)?.verdict === 'distrusted') return;
    const at = clock.now();
    const told = evidence.slice(0, MOST_EVIDENCE).map(String);
    const name = this.#rows.get(did)?.name ?? null;
    this.#rows.set(did, { did, verdict: 'distrusted', name, why, at, evidence: told });
    onDistrusted({ did, why, evidence });
    await this.#track(ledger.commit([{ kind: 'trust', did, verdict: 'distrusted', name: null, why, at, evidence: told }]));
  }

  #rowOf(did: string): TrustRow | undefined {
    const now = this.#options.clock.monotonic();
    // What is being filed is not in the ledger yet.
    if (now - this.#readAt > STALE && this.#filing.size === 0) {
      this.#readAt = now;
      this.#read();
    }
    return this.#rows.get(did);
  }

  #read(): void {
    try {
      this.#rows = rowsIn(this.#options.ledger);
      this.#isReadable = true;
    } catch (cause) {
      if (!isDocketError(cause)) throw cause;
      if (this.#isReadable) this.#options.onFailure(cause);
      this.#isReadable = false;
    }
  }

  #apart(issuer: string): string {
    if (this.#issuers.has(issuer)) return issuer;
    if (this.#issuers.size >= MOST_ISSUERS) return '';
    this.#issuers.add(issuer);
    return issuer;
  }

  #file(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const changes: Change[] = [];
    for (const [issuer, reasons] of this.#tallies)
      for (const [reason, tally] of reasons) changes.push({ kind: 'refusal', issuer, reason, ...tally });
    this.#tallies = new Map();
    if (changes.length > 0) this.#track(this.#options.ledger.commit(changes)).catch(this.#options.onFailure);
  }

  async #track(commit: Promise<unknown>): Promise<void> {
    this.#filing.add(commit);
    try {
      await commit;
    } finally {
      this.#filing.delete(commit);
    }
  }

  /** Files what was gathered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file();
    await Promise.allSettled(this.#filing);
  }
}

function rowsIn(ledger: Pick<TrustLedger, 'trust'>): Map<string, TrustRow> {
  return new Map(ledger.trust().map((row) => [row.did, row]));
}
