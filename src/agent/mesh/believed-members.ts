import type { Clock } from '../../base/clock.ts';
import type { Trust } from '../../receipt/trust.ts';
import type { MembersView } from '../../scheduler/delegation/members-view.ts';
import type { Members } from './members.ts';

/**
 * The members whose results are believed: to whom else work was given it would be done for nothing, and its inputs shown to who need not see them.
 *
 * Invariants
 * B1. Who is in `#shown` was told as joined and not as gone since; listeners hear of nobody else.
 * B2. What is believed changes without a word, by a command or by what was found out: it is asked again on every `LOOK`, and at each change of a member.
 */
type Believed = Pick<Members, 'others' | 'get' | 'onChange' | 'isJudging'>;

interface Options {
  readonly members: Believed;
  readonly trust: Pick<Trust, 'accepts'>;
  readonly clock: Clock;
}

/** In ms. */
const LOOK = 500;

type Listener = Parameters<MembersView['onChange']>[0];

export class BelievedMembers implements MembersView, Disposable {
  readonly #options: Options;
  readonly #shown = new Set<string>();
  readonly #listeners = new Set<Listener>();
  readonly #ear: Disposable;
  #stopTimer: () => void = () => {};

  constructor(options: Options) {
    this.#options = options;
    this.#ear = options.members.onChange((change) => {
      if (change.kind === 'gone') this.#hide(change.did);
      else this.#look(change.member);
    });
    this.#lookAtAll();
  }

  get isJudging(): boolean {
    return this.#options.members.isJudging;
  }

  *others(): Iterable<NonNullable<ReturnType<MembersView['get']>>> {
    for (const member of this.#options.members.others()) if (this.#shown.has(member.beat.view.did)) yield member;
  }

  get(did: string): ReturnType<MembersView['get']> {
    return this.#shown.has(did) ? this.#options.members.get(did) : undefined;
  }

  onChange(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #lookAtAll(): void {
    this.#stopTimer = this.#options.clock.after(LOOK, () => this.#lookAtAll());
    for (const member of this.#options.members.others()) this.#look(member, false);
  }

  #look(member: ReturnType<Believed['others']>[number], isNews = true): void {
    const { did } = member.beat.view;
    if (this.#options.trust.accepts(did).kind === 'no') return this.#hide(did);
    const isShown = this.#shown.has(did);
    this.#shown.add(did);
    if (isNews || !isShown) this.#tell({ kind: isShown ? 'changed' : 'joined', member });
  }

  #hide(did: string): void {
    if (this.#shown.delete(did)) this.#tell({ kind: 'gone', did });
  }

  #tell(change: Parameters<Listener>[0]): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  [Symbol.dispose](): void {
    this.#stopTimer();
    this.#ear[Symbol.dispose]();
    this.#listeners.clear();
  }
}
