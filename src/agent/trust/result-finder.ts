import type { Clock } from '../../base/clock.ts';
import { isDocketError } from '../../errors.ts';
import { DocketError } from '../../errors.ts';
import type { FiledResult, Mesh } from '../../mesh/mesh.ts';
import type { Refusal, Trust } from '../../receipt/trust.ts';
import type { Answer, Asking, FoundResult, Question, SharedResults } from '../../scheduler/shared-results.ts';
import { readShared } from './read-shared.ts';

/**
 * Looks for results in the mesh.
 *
 * Invariants
 * F1. No question waits longer than `PATIENCE`, and none at all while the link is down or for `REST` after one got no answer at all: what is not found is run.
 *     Who asks with more patience has it asked until it is certain: copies of the engine's, which may be behind, and for what these lack whoever leads them. As long as
 *     that does not answer it is asked for one key by all who wait; in the end what copies said is what is known.
 * F2. What was filed last under a key is looked at first. If that is not used, all that is there is looked at, what is filed in the names of those who are believed
 *     first, `MOST_READ` at most: an untrusted newer result hides no trusted one, and a flood costs no more than so many signatures.
 * F3. All that is refused is told to `trust`, whoever asked.
 */
interface Options {
  readonly mesh: Pick<Mesh, 'results' | 'link'>;
  readonly trust: Trust;
  readonly clock: Clock;
  /** How a question fared: for the metrics. */
  readonly onAsked: (asked: { readonly keys: number; readonly found: number; readonly isAnswered: boolean }) => void;
}

/** In ms. */
const PATIENCE = 1_000;
const REST = 5_000;
/** Before a question that is asked in vain is asked again. */
const AGAIN = 250;
/** Results under one key that are read. */
const MOST_READ = 64;
/** Keys whose every result is asked for at a time. */
const AT_A_TIME = 16;
/** Results after which others get their turn: some milliseconds. */
const STRIDE = 32;

const NOTHING: Answer = { found: [], refused: [] };

/** `answers` undefined: there was none. `isCertain`: asking once more would give no others. */
interface Heard {
  readonly answers: readonly Answer[] | undefined;
  readonly isCertain: boolean;
}

interface Progress {
  isAnswered: boolean;
  isCertain: boolean;
}

export class ResultFinder implements SharedResults {
  readonly #options: Options;
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** One for all that wait for an answer. */
  #probing: Promise<boolean> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  async find(questions: readonly Question[], { patience = 0, signal }: Asking = {}): Promise<readonly Answer[]> {
    const { mesh, clock, onAsked } = this.#options;
    if (questions.length === 0) return [];
    const until = clock.monotonic() + patience;
    const isPatient = patience > 0;
    let answers: readonly Answer[] | undefined;
    let wasAsked = false;
    for (;;) {
      if (mesh.link.tag === 'up' && (isPatient || clock.monotonic() >= this.#restsUntil)) {
        wasAsked = true;
        const heard = await this.#askOnce(questions, isPatient);
        answers = heard.answers ?? answers;
        if (heard.isCertain) break;
      }
      if (!isPatient || !(await this.#isAnswering(questions[0]!.key, until, signal))) break;
    }
    const given = answers ?? questions.map(() => NOTHING);
    const found = given.filter((answer) => answer.found.length > 0).length;
    if (wasAsked) onAsked({ keys: questions.length, found, isAnswered: answers !== undefined });
    return given;
  }

  /** Waits until whoever leads the results answers, for so long; false if that did not come about. */
  async #isAnswering(key: Uint8Array, until: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { clock } = this.#options;
    const isWaiting = (): boolean => clock.monotonic() < until && signal?.aborted !== true;
    while (isWaiting()) {
      this.#probing ??= this.#probe(key).finally(() => (this.#probing = undefined));
      if (await this.#probing) return isWaiting();
    }
    return false;
  }

  /** Asks one question, a moment from now. */
  async #probe(key: Uint8Array): Promise<boolean> {
    const { mesh, clock } = this.#options;
    await new Promise<void>((resolve) => void clock.after(AGAIN, resolve));
    if (mesh.link.tag === 'down') return false;
    return (await this.#within(async (signal) => await mesh.results.latest([key], signal, true))) === 'done';
  }

  async #askOnce(questions: readonly Question[], isPatient: boolean): Promise<Heard> {
    const { clock } = this.#options;
    const answers: Answer[] = questions.map(() => NOTHING);
    const progress: Progress = { isAnswered: false, isCertain: !isPatient };
    const end = await this.#within(async (signal) => await this.#ask(questions, { answers, progress, isPatient }, signal));
    // That there is too much under some key is no reason to ask for no other.
    if (!progress.isAnswered) {
      this.#restsUntil = clock.monotonic() + REST;
      return { answers: undefined, isCertain: end === 'refused' };
    }
    return { answers: [...answers], isCertain: progress.isCertain || end === 'refused' };
  }

  /** `refused`: this member may not do it, however often it tries. */
  async #within(work: (signal: AbortSignal) => Promise<unknown>): Promise<'done' | 'failed' | 'refused'> {
    const over = new AbortController();
    const late = Promise.withResolvers<'failed'>();
    const stop = this.#options.clock.after(PATIENCE, () => {
      over.abort(new DocketError('MESH_NO_ANSWER', `results were not found within ${PATIENCE} ms`));
      late.resolve('failed');
    });
    const working = work(over.signal).then(
      () => 'done' as const,
      (error: unknown) => {
        if (!over.signal.aborted && !isDocketError(error)) throw error;
        over.abort(error);
        return isDocketError(error, 'MESH_REFUSED') ? ('refused' as const) : ('failed' as const);
      },
    );
    try {
      // Not all that an engine's client does can be aborted.
      return await Promise.race([working, late.promise]);
    } finally {
      stop();
    }
  }

  /** Fills in `answers` as they come. */
  async #ask(
    questions: readonly Question[],
    { answers, progress, isPatient }: { readonly answers: Answer[]; readonly progress: Progress; readonly isPatient: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { mesh } = this.#options;
    const latest = [
      ...(await mesh.results.latest(
        questions.map(({ key }) => key),
        signal,
      )),
    ];
    progress.isAnswered = true;
    await this.#read(questions, { latest, answers }, signal);
    const lacking = isPatient ? [...questions.keys()].filter((i) => latest[i] === undefined) : [];
    if (lacking.length > 0) {
      const certain = await mesh.results.latest(
        lacking.map((i) => questions[i]!.key),
        signal,
        true,
      );
      lacking.forEach((i, at) => (latest[i] = certain[at]));
      const late = lacking.filter((i) => latest[i] !== undefined);
      await this.#read(questions, { latest, answers, only: late }, signal);
    }
    progress.isCertain = true;
  }

  /** Judges what was filed last under each key, and if that is not used the rest. `only`: of which questions; default all. */
  async #read(
    questions: readonly Question[],
    {
      latest,
      answers,
      only = [...questions.keys()],
    }: { readonly latest: readonly (FiledResult | undefined)[]; readonly answers: Answer[]; readonly only?: readonly number[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { mesh } = this.#options;
    const more: number[] = [];
    for (const i of only) {
      const question = questions[i]!;
      const filed = latest[i];
      if (filed === undefined) continue;
      if (i % STRIDE === STRIDE - 1) await turn(signal);
      const answer = this.#readAll([filed], question);
      answers[i] = answer;
      if (answer.found.length < question.most) more.push(i);
    }
    for (let at = 0; at < more.length; at += AT_A_TIME) {
      await Promise.all(
        more.slice(at, at + AT_A_TIME).map(async (i) => {
          const all = await mesh.results.all(questions[i]!.key, signal);
          signal.throwIfAborted();
          answers[i] = this.#readAll(this.#inOrder(all, latest[i]!), questions[i]!, answers[i]);
        }),
      );
    }
  }

  /** Those that are worth most first; not what was read before. */
  #inOrder(all: readonly FiledResult[], read: FiledResult): FiledResult[] {
    const { trust } = this.#options;
    const rest = all.filter(({ issuer, value }) => issuer !== read.issuer || Buffer.compare(value, read.value) !== 0);
    const isNamed = ({ issuer }: FiledResult): boolean => trust.accepts(issuer).kind === 'yes';
    return [...rest.filter(isNamed), ...rest.filter((one) => !isNamed(one))].slice(0, MOST_READ);
  }

  #readAll(all: readonly FiledResult[], question: Question, before: Answer = NOTHING): Answer {
    const found: FoundResult[] = [...before.found];
    const refused: Refusal[] = [...before.refused];
    for (const filed of all) {
      if (found.length >= question.most) break;
      const read = readShared(filed, question, this.#options.trust);
      if ('refused' in read) {
        refused.push(read.refused);
        this.#options.trust.refused(read.refused);
      } else if (found.every(({ receipt }) => receipt.iss !== read.found.receipt.iss)) found.push(read.found);
    }
    return { found, refused };
  }
}

/** Lets others have theirs. */
async function turn(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
