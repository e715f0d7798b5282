import { callApi } from './api.ts';
import { readEntry, type Entry } from './catalog.ts';
import type { Attempt, Engine } from './engine.ts';
import { Tail } from './tail.ts';

/** Milliseconds without a chunk after which nobody is putting that object any more. By the server's clock and ours, which may differ by minutes. */
const QUIET = 60 * 60_000;

/** All that stands in the catalog. */
export async function catalogOf(engine: Engine): Promise<readonly Entry[]> {
  const { signal } = new AbortController();
  return await engine.run(async ({ session, states: { catalog } }) => {
    const filter = engine.subjects.cataloged('*');
    using tail = await Tail.open(session, engine.clock, catalog, { filter, from: 'newest-of-each' }, signal);
    const entries: Entry[] = [];
    for await (const kept of tail.all()) {
      const entry = readEntry(kept);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  });
}

/**
 * Removes chunks of objects that were never whole: whoever put them was killed, or could not remove them. Asks the server to look at all its subjects, so it is done only
 * where there is no room.
 */
export async function sweepChunks(engine: Engine): Promise<void> {
  const known = new Set((await catalogOf(engine)).map(({ place }) => place));
  const before = engine.clock.now() - QUIET;
  await engine.run(async (attempt) => {
    for (const place of await placesOf(engine, attempt)) {
      if (known.has(place)) continue;
      const { session, states } = attempt;
      const filter = engine.subjects.object(`${place}.>`);
      const newest = await callApi<{ message: { time: string } }>(session, `STREAM.MSG.GET.${states.objects.name}`, {
        last_by_subj: filter,
      });
      if (newest.tag === 'value' && Date.parse(newest.value.message.time) < before)
        await callApi(session, `STREAM.PURGE.${states.objects.name}`, { filter });
    }
  });
}

/** Where first chunks lie; of very many only the first ones. */
async function placesOf({ subjects }: Engine, { session, states }: Attempt): Promise<readonly string[]> {
  const info = await callApi<{ state: { subjects?: Readonly<Record<string, number>> } }>(session, `STREAM.INFO.${states.objects.name}`, {
    subjects_filter: subjects.object('*.*.0'),
  });
  if (info.tag === 'error') return [];
  return Object.keys(info.value.state.subjects ?? {}).map((subject) => subject.split('.').slice(-3, -1).join('.'));
}
