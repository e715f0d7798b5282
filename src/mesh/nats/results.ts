import { copyOf } from './copy.ts';
import type { FiledResult, Results } from '../mesh.ts';
import { checkResultKey, checkSize, checkWord } from '../names.ts';
import type { Engine } from './engine.ts';
import { getAll, getAllFromLeader, type Kept } from './get.ts';
import { publishAll } from './publish.ts';

/** Messages, and bytes of them, that are on the way at once. */
const AT_ONCE = 1_024;
const BYTES_AT_ONCE = 4 * 2 ** 20;

/** Results in a stream, one subject a key; who filed one stands before it in the message: a byte with the length of the name, the name. */
export class NatsResults implements Results {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async file(results: readonly FiledResult[]): Promise<void> {
    for (const { key, issuer, value } of results) {
      checkResultKey(key);
      checkWord(issuer);
      checkSize(value, this.#engine.largest);
    }
    // Made again, they are filed again: what is last under their key stays the same.
    const writes = results.map(({ key, issuer, value }) => ({ subject: this.#subject(key), data: frame(issuer, value) }));
    for (const some of portions(writes))
      await this.#engine.run(async ({ session, states }) => await publishAll(session, states.results.name, some));
  }

  async latest(keys: readonly Uint8Array[], signal?: AbortSignal, isCertain = false): Promise<readonly (FiledResult | undefined)[]> {
    for (const key of keys) checkResultKey(key);
    const selections = keys.map((key) => ({ last_by_subj: this.#subject(key) }));
    const found: (FiledResult | undefined)[] = [];
    for (let at = 0; at < selections.length; at += AT_ONCE) {
      const some = selections.slice(at, at + AT_ONCE);
      const get = isCertain ? getAllFromLeader : getAll;
      const kept = await this.#engine.run(async ({ session, states }) => await get(session, states.results, some, signal), signal);
      found.push(...kept.map((each) => (each === undefined ? undefined : unframe(each))));
    }
    return found;
  }

  async all(key: Uint8Array, signal?: AbortSignal): Promise<readonly FiledResult[]> {
    checkResultKey(key);
    const subject = this.#subject(key);
    return await this.#engine.run(async ({ session, states }) => {
      const byIssuer = new Map<string, FiledResult>();
      // One after the other: a stream of nats-server 2.9 gives no more than one at a time without a consumer, which costs more than these few.
      for (let seq = 1; ;) {
        const [kept] = await getAll(session, states.results, [{ next_by_subj: subject, seq }], signal);
        if (kept === undefined) return [...byIssuer.values()];
        seq = kept.seq + 1;
        const filed = unframe(kept);
        if (filed === undefined) continue;
        byIssuer.delete(filed.issuer);
        byIssuer.set(filed.issuer, filed);
      }
    }, signal);
  }

  async made(): Promise<number> {
    return await this.#engine.run(async ({ states }) => states.results.base);
  }

  #subject(key: Uint8Array): string {
    return this.#engine.subjects.result(Buffer.from(key.buffer, key.byteOffset, key.length).toString('hex'));
  }
}

function frame(issuer: string, value: Uint8Array): Uint8Array {
  const framed = new Uint8Array(1 + issuer.length + value.length);
  framed[0] = issuer.length;
  // A word, so one byte a character.
  Buffer.from(framed.buffer).write(issuer, 1, 'latin1');
  framed.set(value, 1 + issuer.length);
  return framed;
}

/** Undefined for what is no result. */
function unframe({ subject, data }: Kept): FiledResult | undefined {
  const [length = 0] = data;
  if (length === 0 || data.length < 1 + length) return undefined;
  const issuer = Buffer.from(data.buffer, data.byteOffset + 1, length).toString('latin1');
  if (!/^[-\w:]+$/.test(issuer)) return undefined;
  const key = new Uint8Array(Buffer.from(subject.slice(subject.lastIndexOf('.') + 1), 'hex'));
  return key.length === 32 ? { key, issuer, value: copyOf(data.subarray(1 + length)) } : undefined;
}

function* portions<T extends { readonly data: Uint8Array }>(writes: readonly T[]): Generator<readonly T[]> {
  let portion: T[] = [];
  let bytes = 0;
  for (const write of writes) {
    portion.push(write);
    bytes += write.data.length;
    if (portion.length < AT_ONCE && bytes < BYTES_AT_ONCE) continue;
    yield portion;
    portion = [];
    bytes = 0;
  }
  if (portion.length > 0) yield portion;
}
