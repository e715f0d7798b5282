import type { Clock } from '../../base/clock.ts';
import { isDocketError } from '../../errors.ts';
import { DocketError } from '../../errors.ts';
import type { FiledResult, Mesh } from '../../mesh/mesh.ts';
import type { Refusal, Trust } from '../../receipt/trust.ts';
import type { Answer, FoundResult, Question, SharedResults } from '../../scheduler/shared-results.ts';
import { readShared } from './read-shared.ts';

/**
 * Looks for results in the mesh.
 *
 * Invariants
 * F1. No question waits longer than `PATIENCE`, and none at all while the link is down or for `REST` after one got no answer at all: what is not found is run. Who asks with
 *     more patience has it asked until there is an answer, of no copy of the engine's that may be behind.
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
/** Between two questions with patience. */
const AGAIN = 250;
/** Results under one key that are read. */
const MOST_READ = 64;
/** Keys whose every result is asked for at a time. */
const AT_A_TIME = 16;
/** Results after which others get their turn: some milliseconds. */
const STRIDE = 32;

const NOTHING: Answer = { found: [], refused: [] };

export class ResultFinder implements SharedResults {
  readonly #options: Options;
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(options: Options) {
    this.#options = options;
  }

  async find(questions: readonly Question[], patience = 0): Promise<readonly Answer[]> {
    const { mesh, clock, onAsked } = this.#options;
    if (questions.length === 0) return [];
    const until = clock.monotonic() + patience;
    const mayAsk = (): boolean => mesh.link.tag === 'up' && (patience > 0 || clock.monotonic() >= this.#restsUntil);
    let answers: readonly Answer[] | undefined;
    let wasAsked = false;
    for (;;) {
      if (mayAsk()) {
        wasAsked = true;
        answers = await this.#askOnce(questions, patience > 0);
      }
      if (answers !== undefined || clock.monotonic() >= until) break;
      await new Promise<void>((resolve) => void clock.after(AGAIN, resolve));
    }
    const given = answers ?? questions.map(() => NOTHING);
    const found = given.filter((answer) => answer.found.length > 0).length;
    if (wasAsked) onAsked({ keys: questions.length, found, isAnswered: answers !== undefined });
    return given;
  }

  /** Undefined if there was no answer. */
  async #askOnce(questions: readonly Question[], isCertain: boolean): Promise<readonly Answer[] | undefined> {
    const { clock } = this.#options;
    const answers: Answer[] = questions.map(() => NOTHING);
    const over = new AbortController();
    const late = Promise.withResolvers<void>();
    const stop = clock.after(PATIENCE, () => {
      over.abort(new DocketError('MESH_NO_ANSWER', `results were not found within ${PATIENCE} ms`));
      late.resolve();
    });
    const heard = { isAnswered: false };
    const asking = this.#ask(questions, { answers, heard, isCertain }, over.signal).catch((error: unknown) => {
      if (!over.signal.aborted && !isDocketError(error)) throw error;
      over.abort(error);
    });
    try {
      // Not all that an engine's client does can be aborted.
      await Promise.race([asking, late.promise]);
    } finally {
      stop();
    }
    // That there is too much under some key is no reason to ask for no other.
    if (heard.isAnswered) return [...answers];
    this.#restsUntil = clock.monotonic() + REST;
    return undefined;
  }

  /** Fills in `answers` as they come. */
  async #ask(
    questions: readonly Question[],
    { answers, heard, isCertain }: { readonly answers: Answer[]; readonly heard: { isAnswered: boolean }; readonly isCertain: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { mesh } = this.#options;
    const latest = await mesh.results.latest(
      questions.map(({ key }) => key),
      signal,
      isCertain,
    );
    heard.isAnswered = true;
    const more: number[] = [];
    for (const [i, question] of questions.entries()) {
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
