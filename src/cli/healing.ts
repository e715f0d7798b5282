import { type DocketError, isDocketError } from '../errors.ts';

/** How often: a disk that damages every blob must not keep a command going for ever. */
const MOST = 3;

/**
 * Calls `deliver`, which reads what a run gave. Where a blob of that turns out damaged or gone, `remake` has it made again and `deliver` is called
 * once more; so it must be able to go on after it threw.
 */
export async function deliverWhole<T>(deliver: () => Promise<T>, remake: (trouble: DocketError) => Promise<void>): Promise<T> {
  for (let times = 1; ; times++) {
    try {
      return await deliver();
    } catch (error) {
      const isTrouble = isDocketError(error, 'BLOB_DAMAGED') || isDocketError(error, 'BLOB_MISSING');
      if (!isTrouble || times > MOST) throw error;
      await remake(error);
    }
  }
}
