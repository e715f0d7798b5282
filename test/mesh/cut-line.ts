import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a server on 127.0.0.1 that can be cut: connections break, and new ones are not answered. Itself there too, or at another address of this machine. */
export class CutLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number, host = '127.0.0.1'): Promise<CutLine> {
    const server = createServer();
    const line = new CutLine(server);
    server.on('connection', (near) => {
      line.#keep(near);
      if (line.#isCut) return;
      const far = connect(port, '127.0.0.1');
      line.#keep(far);
      near.pipe(far).pipe(near);
    });
    server.listen(0, host);
    await once(server, 'listening');
    return line;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `nats://${address}:${port}`;
  }

  /** `user`: with the password p. */
  urlAs(user: string): string {
    return this.url.replace('//', `//${user}:p@`);
  }

  cut(): void {
    this.#isCut = true;
    this.#hangUp();
  }

  heal(): void {
    this.#isCut = false;
    this.#hangUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
