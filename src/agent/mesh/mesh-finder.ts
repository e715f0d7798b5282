import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { type CID, fromSha256 } from '../../ipld/cid.ts';
import { type Asking, type Failure, type Finder, skip, type Source } from '../../store/holders.ts';
import { DocketError } from '../../errors.ts';
import { type HolderFound, HolderSearch } from './holder-search.ts';
import { type Bringing, memberSource } from './member-source.ts';

/**
 * Where the mesh has blobs: at those members that are likely to have them, else at those who say so when all are asked, else among the objects that outlive members.
 *
 * Nobody is asked twice for one blob in one search. A member that does not answer is told of as a failure, so that a blob is called missing only if everybody
 * who is present said that they have it not, and the engine too.
 */
export function meshFinder(around: Bringing): Finder {
  const { mesh, neighbors, clock, transfers } = around;
  const search = new HolderSearch(around, clock);
  const never = new AbortController().signal;

  async function* members(cid: CID, { failures, signal = never, hints = [] }: Asking): AsyncGenerator<HolderFound> {
    const asked = new Set<string>();
    const likely = [...new Set(hints)].filter((did) => did !== mesh.self && neighbors.has(did));
    try {
      for await (const found of search.among(cid, likely, signal)) {
        asked.add(found.did);
        yield found;
      }
      const everywhere = search.everywhere(cid, signal);
      try {
        for (;;) {
          const { done, value } = await everywhere.next();
          if (done) {
            for (const did of value.silent) failures.push(silence(did));
            return;
          }
          if (asked.has(value.did)) continue;
          asked.add(value.did);
          yield value;
        }
      } finally {
        await everywhere.return({ silent: [] });
      }
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ name: 'the mesh', error });
    }
  }

  const kept = async (cid: CID, { failures, signal }: Asking): Promise<Source | undefined> => {
    const object = objectOf(cid);
    try {
      if (!(await mesh.objects.has(object))) return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      failures.push({ name: OBJECTS, error });
      return undefined;
    }
    return {
      name: OBJECTS,
      async *fetch(_cid, asked) {
        for await (const chunk of skip(mesh.objects.get(object, asked.signal), asked.start)) {
          transfers.came('objects', chunk.length);
          yield chunk;
        }
      },
    };
  };

  return {
    async *find(cid, asking) {
      for await (const found of members(cid, asking)) yield memberSource(found, around);
      const object = await kept(cid, asking);
      if (object !== undefined) yield object;
    },
    async stat(cid, asking) {
      for await (const { size } of members(cid, asking)) return { size };
      return (await kept(cid, asking)) === undefined ? undefined : 'somewhere';
    },
    async missing(cids, { signal }) {
      const failures: Failure[] = [];
      const held = await Promise.all(
        cids.map(async (cid) => {
          for await (const _ of members(cid, { failures, signal })) return true;
          return false;
        }),
      );
      const absent = cids.filter((_, i) => !held[i]);
      const isKept = await mapConcurrent(absent, KEPT_AT_ONCE, async (cid) => (await kept(cid, { failures, signal })) !== undefined);
      return absent.filter((_, i) => !isKept[i]);
    },
  };
}

/** Questions to the engine at a time. */
const KEPT_AT_ONCE = 32;

const OBJECTS = 'the objects of the mesh';

/** What a blob is called among the objects: by its digest, whatever it was named as. */
export function objectOf(cid: CID): CID {
  return fromSha256(cid.multihash.digest);
}

function silence(did: string): Failure {
  return { name: did, error: new DocketError('MESH_NO_ANSWER', 'it did not say whether it has it') };
}
