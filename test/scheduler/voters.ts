import { generateSeed, type Key, keyOf } from '../../src/ipld/identity.ts';
import { float } from '../../src/ipld/value.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { issue, sign } from '../../src/receipt/issue.ts';
import type { Outcome } from '../../src/receipt/outcome.ts';
import type { Berth, Crew, CrewParts, Wanted } from '../../src/scheduler/crew.ts';
import { lackOf, type TaskKind } from '../../src/scheduler/task-kind.ts';
import { DEFAULT_LIMITS } from '../../src/workflow/limits.ts';

/** A member that says of each task what the test has it say. */
export class Voter {
  readonly key: Key = keyOf(generateSeed());
  readonly says: (label: string) => Outcome;
  readonly cpu: string;
  readonly asked: string[] = [];

  constructor(says: (label: string) => Ipld | Outcome, cpu = 'x64') {
    this.says = (label) => {
      const said = says(label);
      return typeof said === 'object' && said !== null && 'tag' in said ? (said as Outcome) : { tag: 'ok', value: said };
    };
    this.cpu = cpu;
  }

  get did(): string {
    return this.key.did;
  }
}

/** Members, each with a place, and nothing here: tasks go to the first who may run them. */
export class VotingCrew implements Crew {
  readonly held = 0;
  readonly hasIdle = true;
  readonly #parts: CrewParts;
  readonly #voters: readonly Voter[];

  constructor(parts: CrewParts, voters: readonly Voter[]) {
    this.#parts = parts;
    this.#voters = voters;
  }

  want(): void {}

  mayRunHere(kind: TaskKind): boolean {
    return this.#parts.local.mayRunHere(kind);
  }

  protected fit(kind: TaskKind): Voter | undefined {
    return this.#voters.find(({ did }) => lackOf(kind, { ops: [kind.op], tags: {}, slots: 1, memory: 2 ** 40, did }) === undefined);
  }

  obstacle(kind: TaskKind): string | undefined {
    return this.fit(kind) === undefined && this.#parts.local.obstacle(kind) !== undefined ? 'nobody is left' : undefined;
  }

  berth(wanted: Wanted): Berth | undefined {
    const voter = wanted.mayLeave ? this.fit(wanted.kind) : undefined;
    if (voter === undefined) return undefined;
    const { tasks } = this.#parts;
    const { task: planned, invocation, instruction, label, module } = tasks.planned(wanted.task);
    return {
      member: voter.did,
      cancel: () => {},
      submit: async ({ attempt, job }) => {
        voter.asked.push(label);
        const meta = {
          op: label,
          instruction,
          key: job.seed,
          module: module!,
          started: 1,
          usage: { wall: float(1), cpu: float(1), memory: 0, output: 0 },
          limits: { ...DEFAULT_LIMITS },
          grants: [],
          agent: voter.did,
          attempt,
          docket: '0',
          cpu: voter.cpu,
        };
        const { r } = issue({ invocation, outcome: voter.says(label), meta, issuer: voter.did, prf: planned.prf });
        return { kind: 'receipted', member: voter.did, isHit: false, receipt: await sign(r, voter.key), small: new Map(), held: [] };
      },
    };
  }

  distrust(): void {}
  praise(): void {}
  rest(): void {}
  dismiss(): void {}
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.local[Symbol.asyncDispose]();
  }
}

/** The same, and slots here for what none of them may run. */
export class MembersFirst extends VotingCrew implements Crew {
  readonly #local: CrewParts['local'];

  constructor(parts: CrewParts, voters: readonly Voter[]) {
    super(parts, voters);
    this.#local = parts.local;
  }

  override want(wanted = 1): void {
    this.#local.want(wanted);
  }

  override berth(wanted: Wanted): Berth | undefined {
    return this.fit(wanted.kind) === undefined ? this.#local.berth(wanted) : super.berth(wanted);
  }
}
