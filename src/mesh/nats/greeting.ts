import { connect } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import { addressText, type ServerAddress } from './server-address.ts';

/** A server greets with a line of some 400 bytes, some more for each server of its cluster. */
const MOST_BYTES = 64 * 1024;

/**
 * Waits until something at the address greets as a nats-server does, and hangs up. Asked before the client connects: it leaves its socket open for good where a server
 * takes a connection and says nothing (one that is paused), and it does not tell a web server from a broken line. Throws `MESH_UNREACHABLE`.
 */
export async function awaitGreeting(address: ServerAddress, patience: number, clock: Clock): Promise<void> {
  const text = addressText(address);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (why: string, cause?: unknown): void => reject(new DocketError('MESH_UNREACHABLE', `${text} ${why}`, { cause }));
  const socket = connect(address.port, address.host);
  const cancel = clock.after(patience, () => fail(`did not greet within ${patience} ms`));
  let heard = '';
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    heard += part;
    if (!'INFO '.startsWith(heard.slice(0, 5)) || heard.length > MOST_BYTES) fail('is something else than a nats-server');
    else if (heard.includes('\n')) resolve();
  });
  socket.on('error', (error) => fail(`is not reached: ${error.message}`, error));
  socket.on('close', () => fail('hung up without a greeting'));
  try {
    await promise;
  } finally {
    cancel();
    socket.removeAllListeners();
    socket.on('error', () => undefined);
    socket.destroy();
  }
}
