import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import { blobTrouble } from './missing.ts';
import type { RunContext } from './run-context.ts';

/** Where the blobs that results name are, as far as one run can have them. */
export class Presence {
  readonly #context: Pick<RunContext, 'options' | 'bringing'>;

  constructor(context: Pick<RunContext, 'options' | 'bringing'>) {
    this.#context = context;
  }

  /** All are here. A damaged tree is as good as a missing one: who made it runs again and puts it back. */
  isWhole(value: Ipld): boolean {
    return isSound(() => this.#context.options.blobs.firstMissing(value) === undefined);
  }

  /** Here, or held by somebody who was not asked for it in vain: other runs may hear again and again that a member holds it which is gone. */
  isSomewhere(value: Ipld): boolean {
    const { bringing, options } = this.#context;
    const isLost = (cid: CID): boolean => options.blobs.elsewhere.of(cid) === undefined || bringing.isVain(cid);
    return isSound(() => options.blobs.missing(value).every((cid) => !isLost(cid)));
  }

  /** A result that is known, and of which only blobs are missing, may be elsewhere: whether it is worth waiting for `then`. */
  bring(value: Ipld, then: () => void): boolean {
    const { options, bringing } = this.#context;
    return isSound(() => bringing.begin([...options.blobs.missing(value)], then));
  }
}

/** False where what is read is gone or damaged. */
function isSound(look: () => boolean): boolean {
  try {
    return look();
  } catch (cause) {
    if (blobTrouble(cause) === undefined) throw cause;
    return false;
  }
}
