import { existsSync, statSync } from 'node:fs';
import { isDocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import { REFUSAL_REASONS } from '../../receipt/trust.ts';
import type { Dissent } from '../../scheduler/voting.ts';
import { digestHex } from '../../store/digest.ts';
import { contentPath } from '../../store/paths.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Agree } from '../../workflow/agree.ts';
import type { Engine } from '../engine.ts';
import { ResultFiler } from './result-filer.ts';
import { ResultFinder } from './result-finder.ts';
import { Roster } from './roster.ts';
import type { Sharing } from './sharing.ts';
import { HomeTrust, type TrustMode } from './trust.ts';

/** What an agent does with results in a mesh, put together. */

export interface SharingOptions {
  /** Default `members`. */
  readonly mode?: TrustMode | undefined;
  readonly agree?: Agree | undefined;
  /** Which share of the results taken from others is checked, from 0 to 1; default 0. */
  readonly spotCheck?: number | undefined;
}

interface Parts extends SharingOptions {
  /** Outlives this. */
  readonly mesh: Mesh;
  readonly engine: Engine;
  readonly metrics: Metrics;
  readonly tell: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** From 0 to below 1. Default: from the engine's. */
  readonly random?: () => number;
}

/** How long a mesh that takes nothing keeps ends of tasks from being told, in ms: about as long as its engine needs for a new leader. */
const PATIENCE = 10_000;

export class SharingPart implements Sharing, AsyncDisposable {
  readonly trust: HomeTrust;
  readonly shared: ResultFinder;
  readonly agree: Agree | undefined;
  readonly #stack = new AsyncDisposableStack();
  readonly mayCheck: (() => boolean) | undefined;
  readonly #filer: ResultFiler;

  constructor({ mesh, engine, metrics, tell, mode = 'members', agree, spotCheck = 0, random }: Parts) {
    const { ledger, clock, key } = engine;
    const counts = countersOf(metrics);
    const fail = (cause: unknown): void => tell('results failed', { error: String(cause) });
    this.agree = agree;
    const draw = random ?? (() => (engine.random.next() * 256 + engine.random.next()) / 65_536);
    this.mayCheck = spotCheck > 0 ? () => draw() < spotCheck : undefined;
    const roster = this.#stack.use(
      new Roster({
        ...{ mesh, key, clock, random: draw },
        onRefused: ({ key: record, problem }) => tell('member refused', { record, error: problem }),
      }),
    );
    this.trust = this.#stack.use(
      new HomeTrust({
        self: key.did,
        mode,
        isMember: (did) => roster.isMember(did),
        ledger,
        clock,
        onRefused({ reason, issuer, message, receipt }) {
          counts.refused({ reason }).add();
          tell('receipt refused', { reason, issuer: issuer ?? null, receipt: receipt?.toString() ?? null, message });
        },
        onDistrusted({ did, why, evidence }) {
          tell('agent distrusted', { did, why, evidence: evidence.map(String) });
        },
        onFailure: fail,
      }),
    );
    this.shared = new ResultFinder({
      mesh,
      trust: this.trust,
      clock,
      onAsked({ keys, found, isAnswered }) {
        counts.asked({ answer: 'found' }).add(found);
        counts.asked({ answer: isAnswered ? 'none' : 'late' }).add(keys - found);
      },
    });
    const reader = engine.reader();
    this.#filer = this.#stack.use(
      new ResultFiler({
        mesh,
        ledger,
        key,
        clock,
        read: (cid) => readIfThere(() => reader.readAll(cid)),
        sizeOf: (cid) => sizeOf(engine, cid),
        onFiled({ table, filed, tooLarge }) {
          counts.filed({ key: table }).add(filed);
          counts.tooLarge().add(tooLarge);
        },
        onTrouble: (cause, after) => tell('results not filed', { error: (cause as Error).message, again: after }),
      }),
    );
    metrics.gauge({ name: 'docket_results_unfiled', help: 'Results the mesh was not told of yet.' }, () => [[{}, this.#filer.behind]]);
    this.#dissents = counts.dissents;
  }

  /** As `ResultFiler.told`. */
  async told(ms: number): Promise<void> {
    await this.#filer.told(ms);
  }

  readonly kept = (): Promise<void> => this.#filer.kept(PATIENCE);

  readonly #dissents: ReturnType<Metrics['counter']>;

  /** Whoever is proven wrong is distrusted; whether that is durable nobody waits for. */
  readonly onDissent = ({ issuer, receipt, agreed, isProof }: Dissent): void => {
    this.#dissents({ proof: String(isProof) }).add();
    if (!isProof) return;
    const others = agreed.map((one) => one.issuer);
    const why = `its receipt ${receipt} is contradicted by ${others.join(' and ')}`;
    this.trust.distrust({ did: issuer, why, evidence: [receipt, ...agreed.map((one) => one.receipt)] }).catch(() => {
      // The ledger takes nothing any more, which ends the run and says so.
    });
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function countersOf(metrics: Metrics) {
  const refused = metrics.counter({ name: 'docket_receipts_refused_total', help: 'Results of others that were not used, by reason.' });
  for (const reason of REFUSAL_REASONS) refused({ reason });
  return {
    refused,
    asked: metrics.counter({ name: 'docket_results_asked_total', help: 'Keys that the mesh was asked for, by answer.' }),
    filed: metrics.counter({ name: 'docket_results_filed_total', help: 'Results that were filed in the mesh, by key.' }),
    tooLarge: metrics.counter({ name: 'docket_results_too_large_total', help: 'Results that no message of the mesh can hold.' }),
    dissents: metrics.counter({ name: 'docket_dissents_total', help: 'Results that others contradict, and whether that proves a fault.' }),
  };
}

function readIfThere(read: () => Uint8Array): Uint8Array | undefined {
  try {
    return read();
  } catch (error) {
    if (!isDocketError(error)) throw error;
    return undefined;
  }
}

function sizeOf({ paths }: Engine, cid: CID): number | undefined {
  const path = contentPath(paths.store, digestHex(cid));
  return existsSync(path) ? statSync(path, { throwIfNoEntry: false })?.size : undefined;
}
