import { backoff } from '../../../base/backoff.ts';
import { DocketError, isDocketError } from '../../../errors.ts';
import type { CID } from '../../../ipld/cid.ts';
import type { Link } from '../../../mesh/mesh.ts';
import { vouch, type Voucher } from '../../../protocol/mesh/voucher.ts';
import type { Unsecured } from '../../../protocol/records.ts';
import type { Plan } from '../../../workflow/model.ts';
import type { Engine } from '../../engine.ts';
import { planIn } from '../../plan-of.ts';
import { shelfOf } from '../../resources/shelf.ts';
import { pause } from './pause.ts';
import { askedIn } from './said.ts';
import type { TakenRun } from './take.ts';
import { secure, type Vault } from './vault.ts';

/**
 * Has the mesh keep what another would need to go on with a run that is driven here.
 *
 * Invariants
 * S1. It goes on until all of it is there, or the drive is over; what fails is tried again, later each time.
 * S2. One after the other: what is there already costs a look.
 * S3. Trouble is told once for each kind (code) of it, and its end if it was told. That the engine is away is told by the link.
 */

export interface SecuringTerms {
  readonly engine: Engine;
  readonly vault: Vault;
  readonly link: () => Link;
  readonly run: string;
  readonly plan: Plan;
  /** As of `RunStart`. */
  readonly isTrusted: boolean;
  /** Of a run that was driven before. */
  readonly before: TakenRun['record'] | undefined;
  /** Of the drive: nothing is told, and nothing tried, once it is aborted. */
  readonly signal: AbortSignal;
  /** Adds to the run's events. */
  readonly tell: (kind: 'securing' | 'secured' | 'unsecured', data: Readonly<Record<string, unknown>>) => void;
  readonly onSecured: (wasTrouble: boolean) => void;
  readonly onTrouble: (error: DocketError) => void;
}

const FIRST_WAIT = 1_000;
/** Between two words of how far that is, in ms. */
const PROGRESS = 1_000;

export class Securing {
  readonly #terms: SecuringTerms;
  readonly #told = new Set<string>();
  #secured: CID | undefined;
  /** The plan that whoever drove it before secured, as long as the mesh has what it had then. Not all of it need be here. */
  #securedBefore: CID | undefined;
  /** The plan it began with. */
  #first: CID | undefined;
  #voucher: { readonly plan: CID; readonly voucher: Voucher } | undefined;
  #trouble: DocketError | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(terms: SecuringTerms) {
    this.#terms = terms;
    const { before } = terms;
    this.#securedBefore = before?.isSecured === true ? before.plan : undefined;
    this.again();
  }

  /** Resolves when what was begun by now is done. Never rejects for what the mesh or the disk lacks. */
  get done(): Promise<void> {
    return this.#work;
  }

  get isSecured(): boolean {
    const plan = this.#plan;
    return this.#secured !== undefined && plan?.equals(this.#secured) === true;
  }

  /** Undefined if it is secured. */
  get unsecured(): Unsecured | undefined {
    if (this.isSecured) return undefined;
    return this.#trouble === undefined ? {} : { code: this.#trouble.code, message: this.#trouble.message };
  }

  /** There may be more that it needs here now. */
  again(): void {
    this.#work = this.#work.then(() => this.#secure());
  }

  /** The engine may have lost what it was given. */
  anew(): void {
    this.#secured = undefined;
    this.#securedBefore = undefined;
    this.again();
  }

  /** This member's, or that of whoever drove it before. Another plan takes another. */
  voucherOf(plan: CID): Voucher | undefined {
    if (this.#voucher?.plan.equals(plan) === true) return this.#voucher.voucher;
    const { before } = this.#terms;
    return before?.plan.equals(plan) === true ? before.voucher : undefined;
  }

  /** As its row says now. */
  get #plan(): CID | undefined {
    const { engine, run } = this.#terms;
    return engine.ledger.run(run)?.plan ?? undefined;
  }

  async #secure(): Promise<void> {
    const { engine, signal } = this.#terms;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const plan = this.#plan;
        if (plan === undefined || plan.equals(this.#secured)) return;
        return await this.#secureOnce(plan);
      } catch (error) {
        if (signal.aborted) return;
        if (!isDocketError(error)) throw error;
        this.#failed(error);
        await pause(engine.clock, backoff(FIRST_WAIT, attempt), signal);
      }
    }
  }

  async #secureOnce(cid: CID): Promise<void> {
    const { engine, vault, run, signal } = this.#terms;
    await this.#vouch(cid);
    await this.#keepForced();
    const said = this.#progress();
    if (this.#securedBefore?.equals(cid) !== true) {
      const what = { run, cid, plan: await this.#planOf(cid) };
      const missing = await secure(vault, shelfOf(engine), what, { signal, onProgress: said.told });
      // The rest is on its way: there will be a call for that.
      if (missing > 0) return void (this.#trouble = undefined);
    }
    this.#secured = cid;
    this.#trouble = undefined;
    const wasTrouble = this.#told.size > 0;
    this.#told.clear();
    if (said.wasTold || wasTrouble) this.#terms.tell('secured', { plan: cid.toString() });
    this.#terms.onSecured(wasTrouble);
  }

  #failed(error: DocketError): void {
    this.#trouble = error;
    const { code, message } = error;
    if (this.#told.has(code) || this.#terms.link().tag === 'down') return;
    this.#told.add(code);
    this.#terms.tell('unsecured', { code, message });
    this.#terms.onTrouble(error);
  }

  async #vouch(plan: CID): Promise<void> {
    const { run, isTrusted, engine } = this.#terms;
    if (!isTrusted || this.voucherOf(plan) !== undefined) return;
    this.#voucher = { plan, voucher: await vouch({ run, plan }, engine.key) };
  }

  /** Decoding takes long: the one it began with is at hand. What URLs gave stands in another. */
  async #planOf(cid: CID): Promise<Plan> {
    const { engine, run, plan } = this.#terms;
    this.#first ??= cid;
    return cid.equals(this.#first) ? plan : await planIn(engine, { run, plan: cid });
  }

  async #keepForced(): Promise<void> {
    const { engine, vault, run, signal } = this.#terms;
    const { asked, blob } = askedIn(engine.ledger.run(run) ?? { options: {} });
    if (blob === undefined) return;
    await engine.store.put(blob);
    await vault.pin(run, [asked.force as CID], signal);
    await vault.put(asked.force as CID, signal);
  }

  #progress(): { readonly told: (done: number, all: number) => void; readonly wasTold: boolean } {
    const { clock } = this.#terms.engine;
    let next = clock.monotonic() + PROGRESS;
    const progress = {
      wasTold: false,
      told: (done: number, all: number): void => {
        if (clock.monotonic() < next) return;
        next = clock.monotonic() + PROGRESS;
        progress.wasTold = true;
        this.#terms.tell('securing', { done, all });
      },
    };
    return progress;
  }
}
