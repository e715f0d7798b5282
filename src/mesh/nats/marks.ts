import { answerOf, ask, jsonAsk } from './api.ts';
import type { Engine } from './engine.ts';
import type { Kept } from './get.ts';
import { Tail } from './tail.ts';

/** Removed at once. */
const AT_ONCE = 64;

/** Whether a record was deleted there. `PURGE` is what other clients leave. */
export function isMark({ operation }: Pick<Kept, 'operation'>): boolean {
  return operation === 'DEL' || operation === 'PURGE';
}

/**
 * Removes the marks of records that were deleted more than `age` ms ago, by the server's clock: who watches has seen them, or begins anew.
 *
 * M1. A purge up to a mark takes no record that was put over it meanwhile. In a stream that was made anew since the marks were read their numbers mean nothing: there is none.
 */
export async function removeMarks(engine: Engine, age: number, signal: AbortSignal): Promise<void> {
  const { clock, subjects } = engine;
  const { marks, base } = await engine.run(async ({ session, states: { records } }) => {
    const start = { filter: subjects.recordsUnder(''), from: 'newest-of-each', headersOnly: true } as const;
    using tail = await Tail.open(session, clock, records, start, signal);
    const found: Kept[] = [];
    for await (const kept of tail.all()) if (isMark(kept) && tail.began - kept.time >= age) found.push(kept);
    return { marks: found, base: records.base };
  }, signal);
  for (let at = 0; at < marks.length; at += AT_ONCE)
    await engine.run(async ({ session, states: { records } }) => {
      if (records.base !== base) return;
      const subject = `$JS.API.STREAM.PURGE.${records.name}`;
      const portion = marks.slice(at, at + AT_ONCE).map((mark) => jsonAsk(subject, { filter: mark.subject, seq: mark.seq + 1 }));
      for (const reply of await ask(session, portion, signal)) answerOf(records.name, reply, []);
    }, signal);
}
