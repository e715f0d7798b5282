import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ActiveRuns } from '../../../../src/agent/active-runs.ts';
import { ALL_ROLES } from '../../../../src/agent/agent.ts';
import { Engine } from '../../../../src/agent/engine.ts';
import { MeshRuns } from '../../../../src/agent/mesh/runs/mesh-runs.ts';
import type { RunTold } from '../../../../src/agent/mesh/runs/told.ts';
import type { Company, Present } from '../../../../src/agent/mesh/runs/company.ts';
import { CANCEL } from '../../../../src/agent/mesh/runs/cancel.ts';
import { withKept } from '../../../../src/agent/mesh/runs/kept-inputs.ts';
import { type Vault, vaultOf } from '../../../../src/agent/mesh/runs/vault.ts';
import { push } from '../../../../src/agent/named-modules.ts';
import { allOps } from '../../../../src/agent/op-policy.ts';
import { peerServiceOf } from '../../../../src/agent/peers/peer-service.ts';
import { Peers } from '../../../../src/agent/peers/peers.ts';
import { Places } from '../../../../src/agent/places.ts';
import { runRecords } from '../../../../src/agent/run-records.ts';
import { DocketError } from '../../../../src/errors.ts';
import type { Change, CommitResult } from '../../../../src/ledger/ledger.ts';
import { parse } from '../../../../src/manifest/parse.ts';
import { type Delivery, type Party, PromptDelivery } from '../../../../src/mesh/local/delivery.ts';
import { LocalMesh } from '../../../../src/mesh/local/local-mesh.ts';
import type { Link, Mesh } from '../../../../src/mesh/mesh.ts';
import { decodeQuestion } from '../../../../src/protocol/mesh/question.ts';
import { decodeRunRecord, keyOfRun, type RunRecord } from '../../../../src/protocol/mesh/run-record.ts';
import type { EventView, RunRecords } from '../../../../src/protocol/records.ts';
import type { RunSubmission } from '../../../../src/protocol/services.ts';
import type { Elsewhere } from '../../../../src/scheduler/blob-view.ts';
import { module } from '../../../api/helpers.ts';
import { HandClock } from '../../../hand-clock.ts';

/** Members of a mesh in one process, each with a real engine on a home of its own. Time is the hand's; what runs is real. */

/** No member runs tasks of another's run here. */
const NOBODY: Elsewhere = { add() {}, of: () => undefined, forget() {} };

/** What stands between a test and waiting for ever; no test asserts it. */
const PATIENCE = 30_000;

/** As the prompt one, but members can be cut off. */
class CutDelivery implements Delivery {
  readonly #prompt: PromptDelivery;
  readonly #clock: HandClock;
  readonly #links = new Map<Party, (link: Link) => void>();
  readonly #cut = new Map<string, (() => void)[]>();

  constructor(clock: HandClock) {
    this.#clock = clock;
    this.#prompt = new PromptDelivery();
  }

  post(from: Party, to: Party, arrive: () => void): void {
    if (!this.#cut.has(from.did) && !this.#cut.has(to.did)) this.#prompt.post(from, to, arrive);
  }

  async call<Result>(from: Party, work: () => Result): Promise<Result> {
    if (this.#cut.has(from.did)) throw new DocketError('MESH_UNREACHABLE', `${from.did} is cut off`);
    return await this.#prompt.call(from, work);
  }

  wake(to: Party, arrive: () => void): void {
    const waiting = this.#cut.get(to.did);
    if (waiting === undefined) this.#prompt.wake(to, arrive);
    else waiting.push(arrive);
  }

  join(party: Party, onLink: (link: Link) => void): Link {
    this.#links.set(party, onLink);
    return this.#prompt.join(party);
  }

  cut(did: string): void {
    this.#cut.set(did, []);
    this.#tell(did, { tag: 'down', since: this.#clock.monotonic(), error: new Error('cut') });
  }

  mend(did: string): void {
    const waiting = this.#cut.get(did) ?? [];
    this.#cut.delete(did);
    this.#tell(did, { tag: 'up', since: this.#clock.monotonic() });
    for (const [party] of this.#links) if (party.did === did) for (const arrive of waiting.splice(0)) this.#prompt.wake(party, arrive);
  }

  #tell(did: string, link: Link): void {
    for (const [party, onLink] of this.#links) if (party.did === did) onLink(link);
  }
}

export class Lab implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly delivery = new CutDelivery(this.clock);
  readonly mesh = new LocalMesh({ clock: this.clock, delivery: this.delivery });
  readonly folder = mkdtempSync(join(tmpdir(), 'docket-mesh-runs-'));
  readonly members = new Map<string, Member>();
  /** What stands for the results of the mesh: what members committed, as the ledger takes it. */
  readonly results: Change[] = [];

  constructor() {
    // Before, ids of runs would go by the real time.
    this.clock.advance(1_000);
  }

  async member(name: string, more: MemberOptions = {}): Promise<Member> {
    const member = await Member.open(this, name, more);
    this.members.set(name, member);
    return member;
  }

  /** Moves time on until it is so, by so many ms a turn. */
  async until(isSo: () => boolean | Promise<boolean>, what = 'it is so', step = 10): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (!(await isSo())) {
      assert.ok(Date.now() < deadline, `waited too long until ${what}`);
      this.clock.advance(step);
      await pause(1);
    }
  }

  /** What a promise gives, with time going on. */
  async after<T>(promise: Promise<T>, what?: string): Promise<T> {
    let isOver = false;
    const over = promise.finally(() => (isOver = true));
    over.catch(() => {});
    await this.until(() => isOver, what);
    return await over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members.values()) await this.after(member[Symbol.asyncDispose]());
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface MemberOptions {
  readonly incarnation?: string;
  /** Changes what it has of the vault. */
  readonly vault?: (vault: Vault) => Vault;
}

export class Member implements AsyncDisposable {
  readonly lab: Lab;
  readonly name: string;
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly meshRuns: MeshRuns;
  readonly active: ActiveRuns;
  readonly runs: RunRecords;
  readonly local: RunRecords;
  readonly told: RunTold[];
  readonly incarnation: string;
  isDraining = false;
  isGone = false;
  /** By all others. */
  isBelieved = true;
  readonly #readers: AbortController[] = [];
  #isClosed = false;

  private constructor(lab: Lab, name: string, engine: Engine, mesh: Mesh, { incarnation = 'I1', vault = (same) => same }: MemberOptions) {
    this.lab = lab;
    this.name = name;
    this.engine = engine;
    this.mesh = mesh;
    this.incarnation = incarnation;
    const told: RunTold[] = [];
    this.told = told;
    const own = vaultOf(mesh, engine, async (cid) => {
      const holders = [...lab.members.values()].filter((one) => !one.isGone && one.mesh.link.tag === 'up');
      for (const { engine: other } of holders)
        if ((await other.store.stat(cid)) !== undefined) return void (await engine.store.put(other.store.get(cid), { expect: cid }));
      throw new DocketError('BLOB_MISSING', `nobody has ${cid}`);
    });
    // Results of others are looked up where what they rest on is brought: a stand-in for what looks them up before each task.
    const bring: Vault['bring'] = async (cid, signal) => {
      await own.bring(cid, signal);
      const seen = lab.results.splice(0);
      if (seen.length > 0) await engine.ledger.commit(seen);
      lab.results.push(...seen);
    };
    this.meshRuns = new MeshRuns({
      engine,
      mesh,
      self: { did: mesh.self, incarnation },
      company: this.#company(),
      vault: vault({ ...own, bring }),
      believes: (did) => [...lab.members.values()].some(({ engine: { key }, isBelieved }) => isBelieved && key.did === did),
      active: () => this.active,
      onTold: (event) => told.push(event),
    });
    const peers = peerServiceOf(engine, new Peers({ addresses: [], did: engine.key.did, clock: engine.clock }), ALL_ROLES);
    this.active = new ActiveRuns(engine, {
      policy: [],
      ops: allOps(),
      peers,
      watch: this.meshRuns.watch,
      tenure: this.meshRuns.tenure,
      placing: (run) => ({
        bring: async (cid, _holders, signal) => await own.bring(cid, signal),
        elsewhere: withKept(NOBODY, this.meshRuns.keptOf(run)),
      }),
      fetch: { policy: { isPublic: false, hosts: [] }, gateways: [] },
      places: new Places('runs', 100),
    });
    this.local = runRecords(engine, { logOfRun: (run) => this.active.log(run), fetchingOf: (run) => this.active.fetching(run) });
    this.runs = this.meshRuns.records(this.local, async (did) => {
      const other = [...lab.members.values()].find((member) => member.mesh.self === did && !member.isGone);
      if (other === undefined || mesh.link.tag === 'down') throw new DocketError('AGENT_UNREACHABLE', `${did} cannot be reached`);
      return other.runs;
    });
    mesh.messages.onQuestion(async (_from, bytes) => {
      const question = decodeQuestion(bytes);
      return 'refused' in question || question.ask !== CANCEL ? undefined : await this.meshRuns.answerCancel(question.parts, this.local);
    });
  }

  static async open(lab: Lab, name: string, options: MemberOptions): Promise<Member> {
    const engine = await Engine.open({ home: join(lab.folder, name), slots: 2, clock: lab.clock });
    const commit = engine.ledger.commit.bind(engine.ledger);
    const member = new Member(lab, name, engine, lab.mesh.join(`did:key:${name}`), options);
    engine.ledger.commit = async (changes: readonly Change[]): Promise<CommitResult> => {
      const done = await commit(changes);
      if (!member.isGone && member.mesh.link.tag === 'up') lab.results.push(...changes.filter(({ kind }) => RESULTS.has(kind)));
      return done;
    };
    for (const guest of ['count-words', 'loop', 'exit']) {
      const { cid } = await engine.store.put(module(guest));
      await push(
        engine,
        parse(`namespace = "org.example"\nname = "${guest}"\nversion = "1"\nbinary = "x.wasm"\ndescription = ""\n`, 'it'),
        cid,
      );
    }
    await lab.after(member.meshRuns.table.current);
    return member;
  }

  #company(): Company {
    const { lab } = this;
    const present = (member: Member): Present => ({
      did: member.mesh.self,
      incarnation: member.incarnation,
      isDraining: member.isDraining,
    });
    const self = (): Present => present(this);
    const isUp = (): boolean => this.mesh.link.tag === 'up';
    return {
      get isJudging() {
        return isUp();
      },
      get self() {
        return self();
      },
      others: () =>
        [...lab.members.values()].filter((member) => member !== this && !member.isGone && member.mesh.link.tag === 'up').map(present),
    };
  }

  async submit(text: string, more: Partial<RunSubmission> = {}): Promise<string> {
    return (await this.lab.after(this.meshRuns.submit(submission(text, more)), 'it is submitted')).run;
  }

  async record(run: string): Promise<RunRecord | undefined> {
    const found = await this.mesh.records.get(keyOfRun(run));
    const read = found && decodeRunRecord(found.key, found.value);
    return read === undefined || 'refused' in read ? undefined : read;
  }

  /** As if it had been killed: nothing of it is heard any more, and what it still does nobody sees. */
  async kill(): Promise<void> {
    this.isGone = true;
    await this.mesh[Symbol.asyncDispose]();
  }

  /** What a reader is told, as it comes. */
  follow(run: string, after = 0): { readonly events: EventView[]; readonly done: Promise<void>; readonly stop: AbortController } {
    const events: EventView[] = [];
    const stop = new AbortController();
    this.#readers.push(stop);
    const read = async (): Promise<void> => {
      for await (const event of this.runs.events(run, after, stop.signal)) events.push(event);
    };
    const done = read().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    return { events, done, stop };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const reader of this.#readers) reader.abort();
    await this.meshRuns[Symbol.asyncDispose]();
    await this.active[Symbol.asyncDispose]();
    await this.mesh[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

const RESULTS: ReadonlySet<Change['kind']> = new Set(['receipt', 'memo', 'small'] as const);

function submission(text: string, more: Partial<RunSubmission> = {}): RunSubmission {
  const what = { kind: 'workflow', source: text, file: 'workflow.yaml', inputs: {} } as const;
  return { what, options: {}, isTrusted: true, key: undefined, traceparent: undefined, ...more };
}

/** So many tasks, each after the one before. */
export function chain(length: number, seed = 'a'): string {
  const tasks = Array.from({ length }, (_, i) =>
    i === 0
      ? `  t0: { module: org.example.count-words, stdin: ${seed} }\n`
      : `  t${i}: { module: org.example.count-words, env: { N: "${i}" }, stdin: { from: t${i - 1}, at: /stdout } }\n`,
  );
  return `tasks:\n${tasks.join('')}`;
}

export const LOOP = 'tasks: { slow: { module: org.example.loop, limits: { time: 10min } } }\n';
export const FAN = (count: number): string =>
  `tasks:\n${Array.from({ length: count }, (_, i) => `  q${i}: { module: org.example.count-words, stdin: "n${i}" }\n`).join('')}  slow: { module: org.example.loop, limits: { time: 10min } }\n`;
