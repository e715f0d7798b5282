import { constants, createReadStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';

/** A pipe, as of `<(command)`, or a device. False also if it cannot be known: reading will say why. */
export function isStream(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFIFO() === true || stats?.isCharacterDevice() === true;
}

/**
 * Opens a file to read it from its beginning to its end. A pipe or a terminal may give nothing for ever, or never find a writer, and a blocking call
 * on it would keep this process from ending: those are polled. Throws the system's errors, or emits them.
 */
export function openStream(path: string): Readable {
  // Elsewhere a pipe that is polled looks ended until its writer comes.
  if (process.platform !== 'linux' || !isStream(path)) return createReadStream(path);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  if (isatty(fd)) return new ReadStream(fd);
  return statSync(path).isFIFO() ? new Socket({ fd, readable: true, writable: false }) : createReadStream('', { fd });
}
