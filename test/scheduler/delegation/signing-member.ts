import type { CID } from '../../../src/ipld/cid.ts';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { generateSeed, type Key, keyOf } from '../../../src/ipld/identity.ts';
import { type Ipld, isMap } from '../../../src/ipld/value.ts';
import type { EndedTask, OfferedTask, WorkMessage } from '../../../src/protocol/mesh/work.ts';
import * as Receipt from '../../../src/receipt/issue.ts';
import * as MemoKey from '../../../src/receipt/key.ts';
import type { ReceiptMeta } from '../../../src/receipt/model.ts';
import type { Outcome } from '../../../src/receipt/outcome.ts';
import type { Trust } from '../../../src/receipt/trust.ts';
import type { CoordinatorOptions } from '../../../src/scheduler/coordinator-options.ts';
import { Delegation } from '../../../src/scheduler/delegation/delegation.ts';
import type { Mail } from '../../../src/scheduler/delegation/outgoing.ts';
import { grantsOf } from '../../../src/workflow/grants.ts';
import { identify } from '../../../src/workflow/identify.ts';
import * as Limit from '../../../src/workflow/limits.ts';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { beatOf, Roster, viewOf } from './sim.ts';

/** What a receipt is issued of, for tests to change. */
export interface Draft {
  invocation: CID;
  outcome: Outcome;
  meta: ReceiptMeta;
  issuer: string;
  prf: readonly Ipld[];
  signer: Key;
}

export type Answer = (draft: Draft, task: OfferedTask) => Draft | 'nothing' | 'refused' | 'unfetched' | 'overload';

export function drafted(task: OfferedTask, signer: Key): Draft {
  const { work, module, input } = task;
  const { instruction, invocation } = identify(work);
  const limits = Limit.fromMeta(work.meta);
  const grants = grantsOf(work);
  const { func } = isMap(work.run.input) ? work.run.input : {};
  const key = MemoKey.resolved(work.run, input, { module, limits, grants, semantics: 1 });
  const meta: ReceiptMeta = {
    op: work.run.op === 'wasm/run' && typeof func === 'string' ? func : work.run.op,
    instruction,
    module,
    key: key.key,
    agent: signer.did,
    attempt: task.attempt,
    docket: '0',
    grants: [...grants],
    limits: { ...limits },
    started: 0,
    usage: { wall: 1, cpu: 1, memory: 0, output: 0 },
  };
  return { invocation, outcome: { tag: 'ok', value: String(func) }, meta, issuer: signer.did, prf: work.prf, signer };
}

export async function signed({ invocation, outcome, meta, issuer, prf, signer }: Draft): Promise<Uint8Array> {
  return await Receipt.sign(Receipt.issue({ invocation, outcome, meta, issuer, prf }).r, signer);
}

interface MemberOptions {
  readonly slots?: number;
  readonly answer?: Answer;
  readonly altered?: (receipt: Uint8Array) => Uint8Array;
  readonly end?: (task: OfferedTask) => Partial<EndedTask>;
  readonly tags?: Readonly<Record<string, string>>;
  /** Resolves when the task has been run. Default: at once. */
  readonly work?: (task: OfferedTask) => Promise<void>;
}

/** A member in this process that answers offers with receipts it signs, right or wrong. */
class SigningMember {
  readonly key = keyOf(generateSeed());
  readonly offered: OfferedTask[] = [];
  readonly received: number[] = [];
  readonly #yard: Yard;
  readonly #options: MemberOptions;

  constructor(yard: Yard, options: MemberOptions) {
    this.#yard = yard;
    this.#options = options;
  }

  get did(): string {
    return this.key.did;
  }

  join(): void {
    const { slots = 4, tags = {} } = this.#options;
    this.#yard.roster.hear(beatOf(viewOf(this.did, { slots, tags }), 1));
  }

  leave(): void {
    this.#yard.roster.lose(this.did);
  }

  receive(message: WorkMessage): void {
    if (message.kind === 'received') for (const { task } of message.tasks) this.received.push(task);
    if (message.kind === 'offer') for (const task of message.tasks) void this.#offered(message, task);
  }

  async #offered({ run, epoch }: WorkMessage, task: OfferedTask): Promise<void> {
    this.offered.push(task);
    const { answer = (draft) => draft, altered = (receipt) => receipt, end = () => ({}) } = this.#options;
    const name = { task: task.task, attempt: task.attempt };
    const draft = answer(drafted(task, this.key), task);
    if (draft === 'nothing') return;
    const { delegation } = this.#yard;
    if (typeof draft === 'string') {
      await Promise.resolve();
      return delegation.receive(this.did, {
        kind: 'states',
        run,
        epoch,
        isAll: false,
        tasks: [{ ...name, state: draft, message: 'so it is' }],
      });
    }
    await this.#options.work?.(task);
    this.#yard.signing++;
    const receipt = altered(await signed(draft).finally(() => this.#yard.signing--));
    delegation.receive(this.did, {
      kind: 'ends',
      run,
      epoch,
      tasks: [{ ...name, isHit: false, receipt, small: {}, held: [], ...end(task) }],
    });
  }
}

/** A coordinator's members. */
export class Yard {
  readonly roster = new Roster();
  readonly members = new Map<string, SigningMember>();
  /** What was not used, and why. */
  readonly refusals: string[] = [];
  /** Offers too large for a message. */
  readonly kept: OfferedTask[] = [];
  largest = Number.POSITIVE_INFINITY;
  /** Receipts that are being signed, which takes time of no test's clock. */
  signing = 0;
  readonly delegation: Delegation;

  constructor(clock: Clock = systemClock) {
    this.delegation = new Delegation({ members: this.roster, clock, mail: this.#mail });
  }

  get #mail(): Mail {
    return {
      send: (to, message) => {
        if (encode(message.kind === 'offer' ? message.tasks.map(({ input }) => input) : null).length > this.largest) return false;
        queueMicrotask(() => this.members.get(to)?.receive(message));
        return true;
      },
      keep: async (task) => {
        this.kept.push(task);
        throw new Error('the store is full');
      },
    };
  }

  member(options: MemberOptions = {}): SigningMember {
    const member = new SigningMember(this, options);
    this.members.set(member.did, member);
    return member;
  }

  trust(accepts: (did: string) => boolean = (did) => this.members.has(did)): Trust {
    return {
      accepts: (issuer) => (accepts(issuer) ? { kind: 'yes' } : { kind: 'no', reason: 'untrusted', why: `${issuer} is not trusted` }),
      refused: ({ reason }) => this.refusals.push(reason),
    };
  }

  /** For a run on members only. */
  options(more: Omit<Partial<CoordinatorOptions>, 'slots'> = {}): Omit<Partial<CoordinatorOptions>, 'slots'> {
    return {
      crew: this.delegation.crewOf({ run: 'RUN', epoch: 1, weight: 1 }),
      trust: this.trust(),
      here: { ops: [], tags: {}, memory: 0, slots: 0 },
      ...more,
    };
  }
}
