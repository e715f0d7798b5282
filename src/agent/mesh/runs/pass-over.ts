import { isDocketError } from '../../../errors.ts';

/** What is owed to the mesh or the disk and cannot be given is known by others in time, or told elsewhere; mistakes are not passed over. */
export function passOver(error: unknown): undefined {
  if (!isDocketError(error)) throw error;
}
