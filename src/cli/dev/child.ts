import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { systemCode } from '../../errors.ts';

/**
 * A process that lives no longer than this one, however this one ends.
 *
 * C1. A shell leaves a watcher behind that blocks on a pipe only we hold open, and becomes the program: when the pipe closes, the watcher kills. (As slot processes
 *     have it, see `runner/slot-command.ts`.)
 * C2. It has a session of its own: a Ctrl-C at the terminal comes to us, who end it in order.
 */

const WATCH_FD = 3;
const SHELL = `{ while read -r _; do :; done; kill -9 $$; } <&${WATCH_FD} ${WATCH_FD}<&- >/dev/null 2>&1 &
exec "$@" ${WATCH_FD}<&-`;

/** How long a program may take to end when it is told to, in ms. */
const GRACE = 40_000;

interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Each line it writes to stderr. */
  readonly onLine: (line: string) => void;
  /** `how`: its status or signal, for people. */
  readonly onEnd: (how: string) => void;
}

export class Child implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended = Promise.withResolvers<void>();
  #isOver = false;

  constructor({ file, args, env, onLine, onEnd }: Program) {
    this.#child = spawn('/bin/sh', ['-c', SHELL, 'docket-dev', file, ...args], {
      detached: true,
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    for (const stream of this.#child.stdio) stream?.on('error', () => {});
    createInterface({ input: this.#child.stderr as Readable }).on('line', onLine);
    const end = (how: string): void => {
      if (this.#isOver) return;
      this.#isOver = true;
      // The watcher is still there.
      this.#kill();
      onEnd(how);
      this.#ended.resolve();
    };
    this.#child.on('exit', (status, signal) => end(signal ?? `exit status ${status}`));
    this.#child.on('error', (error) => end(error.message));
  }

  /** The program's own: the shell becomes it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** SIGTERM, and SIGKILL if that does not help. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill('SIGTERM');
    const killing = setTimeout(() => this.#kill(), GRACE);
    await this.#ended.promise;
    clearTimeout(killing);
  }

  #kill(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }
}
