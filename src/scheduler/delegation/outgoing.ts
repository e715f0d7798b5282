import type { CID } from '../../ipld/cid.ts';
import type { AttemptName, DriveName, OfferedTask, WorkMessage } from '../../protocol/mesh/work.ts';

/** Where messages to members go. */
export interface Mail {
  /** False if it is larger than a message may be: then nothing was sent. */
  send(to: string, message: WorkMessage): boolean;
  /** Keeps an offered task that is too large for a message where members fetch it, and names it. */
  keep(task: OfferedTask): Promise<CID>;
}

interface Letter {
  readonly offers: OfferedTask[];
  readonly withdrawals: AttemptName[];
  readonly received: AttemptName[];
}

/** Tasks one message is about. */
const MOST_TASKS = 1_024;

/** What a run tells members: all of one turn in as few messages as it fits in. Offers come last, so that they find what was withdrawn gone. */
export class Outgoing {
  readonly #drive: DriveName & { readonly weight: number };
  readonly #mail: Mail;
  readonly #onUnsendable: (task: OfferedTask, cause: unknown) => void;
  #letters = new Map<string, Letter>();
  #isDue = false;

  constructor(drive: DriveName & { readonly weight: number }, mail: Mail, onUnsendable: (task: OfferedTask, cause: unknown) => void) {
    this.#drive = drive;
    this.#mail = mail;
    this.#onUnsendable = onUnsendable;
  }

  offer(to: string, task: OfferedTask): void {
    this.#letter(to).offers.push(task);
  }

  withdraw(to: string, name: AttemptName): void {
    this.#letter(to).withdrawals.push(name);
  }

  received(to: string, name: AttemptName): void {
    this.#letter(to).received.push(name);
  }

  #letter(to: string): Letter {
    let letter = this.#letters.get(to);
    if (letter === undefined) this.#letters.set(to, (letter = { offers: [], withdrawals: [], received: [] }));
    if (!this.#isDue) {
      this.#isDue = true;
      queueMicrotask(() => this.flush());
    }
    return letter;
  }

  flush(): void {
    const letters = this.#letters;
    this.#letters = new Map();
    this.#isDue = false;
    const { run, epoch } = this.#drive;
    for (const [to, { offers, withdrawals, received }] of letters) {
      for (const tasks of chunks(received)) this.#mail.send(to, { kind: 'received', run, epoch, tasks });
      for (const tasks of chunks(withdrawals)) this.#mail.send(to, { kind: 'withdraw', run, epoch, tasks });
      for (const tasks of chunks(offers)) this.#offer(to, tasks);
    }
  }

  /** In halves, until they fit. */
  #offer(to: string, tasks: readonly OfferedTask[]): void {
    const { run, epoch, weight } = this.#drive;
    if (this.#mail.send(to, { kind: 'offer', run, epoch, weight, tasks, kept: [] })) return;
    const [task] = tasks;
    if (tasks.length > 1) {
      const middle = tasks.length >> 1;
      this.#offer(to, tasks.slice(0, middle));
      this.#offer(to, tasks.slice(middle));
    } else if (task !== undefined) {
      this.#mail.keep(task).then(
        (kept) => {
          const { task: index, attempt } = task;
          this.#mail.send(to, { kind: 'offer', run, epoch, weight, tasks: [], kept: [{ task: index, attempt, offer: kept }] });
        },
        (cause: unknown) => this.#onUnsendable(task, cause),
      );
    }
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += MOST_TASKS) yield items.slice(at, at + MOST_TASKS);
}
