import { suite } from 'node:test';
import { journalsContract, resultsContract } from './mesh/kept.ts';
import { linksContract, rightsContract } from './mesh/links.ts';
import { objectsContract } from './mesh/objects.ts';
import { postContract, questionsContract } from './mesh/post.ts';
import { recordsContract } from './mesh/records.ts';
import { checkWith, type MeshUnderTest } from './mesh/under-test.ts';

export type { MeshUnderTest };

interface MeshAbilities {
  /** It has `cut` and `heal`. */
  readonly isCuttable: boolean;
  /** It has `openReader`. */
  readonly hasReaders: boolean;
}

/** What every mesh must do. Messages may be late, lost, come twice and not in order; what is called of the engine may be late. */
export function meshContract(name: string, make: () => Promise<MeshUnderTest>, { isCuttable, hasReaders }: MeshAbilities): void {
  suite(`mesh contract: ${name}`, () => {
    const check = checkWith(make);
    postContract(check);
    questionsContract(check);
    recordsContract(check);
    resultsContract(check);
    journalsContract(check);
    objectsContract(check);
    if (isCuttable) linksContract(check);
    if (hasReaders) rightsContract(check);
  });
}
