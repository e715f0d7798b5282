import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';

/**
 * The address of this machine from which packets go to that host: where others that reach the same host can most likely come to. Nothing is sent. Loopback if
 * that cannot be told.
 */
export async function localAddressTo(host: string, port: number): Promise<string> {
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
  const found = Promise.withResolvers<string>();
  socket.once('error', () => found.resolve('127.0.0.1'));
  socket.connect(port, host, () => {
    try {
      found.resolve(socket.address().address);
    } catch {
      found.resolve('127.0.0.1');
    }
  });
  try {
    return await found.promise;
  } finally {
    socket.close();
  }
}
