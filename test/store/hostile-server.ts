import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that answers as the test says, and so not always as an agent does. */
export class HostileServer implements AsyncDisposable {
  readonly url: string;
  readonly asked: string[] = [];
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async open(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<HostileServer> {
    const server = createServer((request, response) => {
      opened.asked.push(`${request.method} ${request.url}`);
      response.on('error', () => {});
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const opened = new HostileServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return opened;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
