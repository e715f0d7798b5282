import type { Mesh } from '../../mesh/mesh.ts';
import type { Refused as Unread } from '../../protocol/mesh/message.ts';
import { decodeQuestion } from '../../protocol/mesh/question.ts';
import type { Refusals } from './refusals.ts';

/** Answers a question of its kind. Undefined: nothing is said. What it throws is counted, and the question stays without an answer. */
export type Answerer = (from: string, question: Uint8Array) => Promise<Uint8Array | Unread | undefined>;

/** Questions under way at a time; more than any mesh of good will has. */
const MOST = 1_024;

/** What other members ask this one, by kind. */
export class Questions implements Disposable {
  readonly #answerers = new Map<string, Answerer>();
  readonly #refusals: Refusals;
  readonly #ear: Disposable;
  #pending = 0;

  constructor(mesh: Pick<Mesh, 'messages'>, refusals: Refusals) {
    this.#refusals = refusals;
    this.#ear = mesh.messages.onQuestion((from, question) => this.#answer(from, question));
  }

  /** One for each kind. */
  on(kind: string, answerer: Answerer): Disposable {
    this.#answerers.set(kind, answerer);
    return { [Symbol.dispose]: () => void this.#answerers.delete(kind) };
  }

  async #answer(from: string, question: Uint8Array): Promise<Uint8Array | undefined> {
    const refuse = (reason: string, message: string): undefined => {
      this.#refusals.add({ reason: `question ${reason}`, from, message });
    };
    const read = decodeQuestion(question);
    if ('refused' in read) return refuse(read.refused, read.problem);
    const answerer = this.#answerers.get(read.ask);
    // Of a newer Docket, or of a part that this one has not.
    if (answerer === undefined) return refuse('unknown', `it asks for "${read.ask}"`);
    if (this.#pending >= MOST) return refuse('overload', `${MOST} questions are being answered`);
    this.#pending++;
    try {
      const answer = await answerer(from, question);
      if (answer === undefined || answer instanceof Uint8Array) return answer;
      return refuse(answer.refused, answer.problem);
    } catch (error) {
      return refuse('failed', `${read.ask}: ${(error as Error).message}`);
    } finally {
      this.#pending--;
    }
  }

  [Symbol.dispose](): void {
    this.#ear[Symbol.dispose]();
  }
}
