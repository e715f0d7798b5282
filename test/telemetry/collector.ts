import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly code: number; readonly message: string };
}

interface Payload {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: ReceivedSpan['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[];
  }[];
}

/** A collector of OTLP over HTTP that keeps what it takes; `answer` may refuse. */
export class TestCollector implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly services: unknown[] = [];
  readonly requests: { readonly path: string | undefined; readonly headers: IncomingHttpHeaders }[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(answer?: (reply: ServerResponse, nth: number) => boolean): Promise<TestCollector> {
    const server = createServer((request, reply) => void collector.#take(request, reply, answer));
    const collector = new TestCollector(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  async #take(request: IncomingMessage, reply: ServerResponse, answer?: (reply: ServerResponse, nth: number) => boolean): Promise<void> {
    this.requests.push({ path: request.url, headers: request.headers });
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (answer?.(reply, this.requests.length) === true) return;
    for (const { resource, scopeSpans } of (JSON.parse(text) as Payload).resourceSpans) {
      this.services.push(attribute(resource, 'service.name'));
      for (const { spans } of scopeSpans) this.spans.push(...spans);
    }
    reply.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

export function attribute({ attributes }: Pick<ReceivedSpan, 'attributes'>, key: string): unknown {
  const value = attributes.find((one) => one.key === key)?.value;
  return value === undefined ? undefined : Object.values(value)[0];
}
