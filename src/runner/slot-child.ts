import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { systemCode } from '../errors.ts';
import { FrameDecoder } from './frames.ts';
import { decodeOutput, type OutputFrame } from './output-frame.ts';
import { decodeMessage, type Message } from './protocol.ts';
import { JOBS_FD, OUTPUT_FD, RESULTS_FD, type SlotCommand } from './slot-command.ts';

interface Handlers {
  readonly onMessage: (message: Message) => void;
  /** What a guest writes, told while it runs. */
  readonly onOutput: (output: OutputFrame) => void;
  /** What arrived is no message: the process is not to be trusted any more. */
  readonly onNonsense: (error: unknown) => void;
  /** Called once, after the last message. `reason` is for people: signal or exit status, and the end of what it wrote to stderr. */
  readonly onExit: (reason: string) => void;
  readonly onLog: (text: string) => void;
}

const TAIL = 2048;

/** The operating system's side of a slot process: its pipes and its death. Knows nothing of jobs. */
export class SlotChild {
  readonly #child: ChildProcess;
  readonly #stdio: readonly (Readable | Writable | null)[];
  readonly #handlers: Handlers;
  #tail = '';
  #isKilled = false;
  #ended: string | undefined;
  #drained = false;
  #exited = false;

  constructor({ file, args }: SlotCommand, handlers: Handlers) {
    this.#handlers = handlers;
    // A session of its own: a Ctrl-C at the terminal is for Docket, which ends its slots itself.
    this.#child = spawn(file, args, {
      detached: true,
      cwd: '/',
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    // Absent when this process has run out of descriptors; `error` follows then.
    this.#stdio = (this.#child.stdio as readonly (Readable | Writable | null)[] | undefined) ?? [];
    this.#listen();
  }

  /** Undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Frames of one turn leave together: one system call for all, where each costs more than most else of a small task. */
  send(frame: Uint8Array): void {
    const jobs = this.#stdio[JOBS_FD] as Writable | undefined;
    if (jobs === undefined) return;
    if (jobs.writableCorked === 0) {
      jobs.cork();
      process.nextTick(() => jobs.uncork());
    }
    jobs.write(frame);
  }

  /** SIGKILL, to the watcher too. */
  kill(): void {
    if (this.#isKilled || this.#child.pid === undefined) return;
    this.#isKilled = true;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }

  #listen(): void {
    const { onMessage, onOutput, onNonsense, onLog } = this.#handlers;
    const decoder = new FrameDecoder();
    const results = this.#stdio[RESULTS_FD];
    results?.on('data', (chunk: Buffer) => {
      try {
        for (const message of decoder.push(chunk)) onMessage(decodeMessage(message));
      } catch (error) {
        onNonsense(error);
      }
    });
    results?.on('close', () => {
      this.#drained = true;
      this.#finish();
    });
    const outputs = new FrameDecoder();
    this.#stdio[OUTPUT_FD]?.on('data', (chunk: Buffer) => {
      try {
        for (const message of outputs.push(chunk)) onOutput(decodeOutput(message));
      } catch (error) {
        onNonsense(error);
      }
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#tail = (this.#tail + text).slice(-TAIL);
      onLog(text);
    });
    // Writing to a process that just died fails with EPIPE; its exit says the rest.
    for (const stream of this.#stdio) stream?.on('error', () => undefined);
    this.#child.on('exit', (code, signal) => this.#end(signal === null ? `exit status ${code}` : `signal ${signal}`));
    this.#child.on('error', (error) => this.#end(error.message));
  }

  /** The process is gone. If it went by itself its watcher is still there, which also keeps the group's number from being given away. */
  #end(how: string): void {
    this.#ended ??= how;
    this.kill();
    if (this.#child.pid === undefined) this.#drained = true;
    this.#finish();
  }

  /** What was in the pipe when it died still counts. */
  #finish(): void {
    if (this.#ended === undefined || !this.#drained || this.#exited) return;
    this.#exited = true;
    for (const stream of this.#stdio) stream?.destroy();
    const said = this.#tail.trim();
    this.#handlers.onExit(said === '' ? this.#ended : `${this.#ended}; it said: ${said}`);
  }
}
