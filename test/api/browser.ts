import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Chromium that shows one page, driven through the DevTools protocol: https://chromedevtools.github.io/devtools-protocol. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

export const browser = NAMES.find((name) => spawnSync(name, ['--version']).status === 0);

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: { readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: unknown };
  readonly error?: unknown;
}

export class Page implements AsyncDisposable {
  /** What the page said was wrong: errors of its programs, and what its policy refused. */
  readonly complaints: unknown[] = [];
  readonly requested: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (message: Message) => void>();
  #next = 1;

  private constructor(child: ChildProcess, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(String(data)) as Message));
  }

  static async open(name: string, url: string): Promise<Page> {
    const folder = mkdtempSync(join(tmpdir(), 'docket-browser-'));
    // No sandbox of its own: it would need rights that a test may lack, and the page is ours.
    const options = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--remote-debugging-port=0',
      `--user-data-dir=${folder}`,
    ];
    const child = spawn(name, [...options, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
    for await (const line of createInterface({ input: child.stderr })) {
      const [, port] = /^DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line) ?? [];
      if (port === undefined) continue;
      child.stderr.resume();
      const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
        type: string;
        webSocketDebuggerUrl: string;
      }[];
      const socket = new WebSocket(targets.find(({ type }) => type === 'page')!.webSocketDebuggerUrl);
      await new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve);
        socket.addEventListener('error', reject);
      });
      const page = new Page(child, folder, socket);
      for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.#call(`${domain}.enable`);
      await page.#call('Page.navigate', { url });
      return page;
    }
    throw new Error(`${name} ended with status ${child.exitCode}`);
  }

  /** The value of an expression, once it is true; asked for again after every turn of the page until then. */
  async until<T>(expression: string): Promise<T> {
    for (;;) {
      const value = await this.evaluate<T>(`new Promise((resolve) => setTimeout(() => resolve(${expression}), 10))`);
      if (value) return value;
    }
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result } = await this.#call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (result?.exceptionDetails !== undefined) throw new Error(JSON.stringify(result.exceptionDetails));
    return result?.result?.value as T;
  }

  #call(method: string, params: unknown = {}): Promise<Message> {
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#pending.set(id, (message) => (message.error === undefined ? resolve(message) : reject(new Error(JSON.stringify(message.error)))));
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }

  #receive(message: Message): void {
    if (message.id !== undefined) return this.#pending.get(message.id)?.(message);
    if (message.method === 'Runtime.exceptionThrown') this.complaints.push(message.params);
    if (message.method === 'Log.entryAdded') {
      const { entry } = message.params as { readonly entry: { readonly level: string } };
      if (entry.level !== 'verbose') this.complaints.push(entry);
    }
    if (message.method === 'Network.requestWillBeSent')
      this.requested.push((message.params as { readonly request: { readonly url: string } }).request.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
