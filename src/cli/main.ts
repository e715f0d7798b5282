import { DocketError, isDocketError } from '../errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { type Command, helpText, type Streams } from './command.ts';
import { isUnderNohup } from './hang-up.ts';
import { parse } from './parse.ts';

/** Every command, imported only when called: `docket --version` must not load a workflow compiler. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  run: () => import('./commands/run.ts'),
  exec: () => import('./commands/exec.ts'),
  watch: () => import('./commands/watch.ts'),
  resume: () => import('./commands/resume.ts'),
  cancel: () => import('./commands/cancel.ts'),
  runs: () => import('./commands/runs.ts'),
  show: () => import('./commands/show.ts'),
  logs: () => import('./commands/logs.ts'),
  why: () => import('./commands/why.ts'),
  cid: () => import('./commands/cid.ts'),
  inspect: () => import('./commands/inspect.ts'),
  receipt: () => import('./commands/receipt.ts'),
  store: () => import('./commands/store.ts'),
  manifest: () => import('./commands/manifest.ts'),
  token: () => import('./commands/token.ts'),
  trust: () => import('./commands/trust.ts'),
  identity: () => import('./commands/identity.ts'),
  agent: () => import('./commands/agent.ts'),
  agents: () => import('./commands/agents.ts'),
  dev: () => import('./commands/dev.ts'),
};

const streams: Streams = process;

/** Exit statuses of a command that a signal killed, as shells count them. */
const STOPS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGPIPE: 141 } as const;
const CANCELLED = STOPS.SIGINT;

/** The first Ctrl-C, SIGTERM or hang-up ends the command in order; a second one kills. Under nohup a hang-up does neither. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: keyof typeof STOPS): void => {
    if (controller.signal.aborted) {
      // Not `process.exit`, which waits for threads, and one of them may be the reason.
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    controller.abort(new DocketError('CANCELLED', `stopped by ${signal}`, { details: { signal }, next: '' }));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, signal === 'SIGHUP' && isUnderNohup() ? () => {} : stop);
  return controller.signal;
}

/** The status of a command that was stopped names the signal; `docket cancel` counts as Ctrl-C. */
function statusAfter(status: number, signal: AbortSignal): number {
  if (status !== CANCELLED || !isDocketError(signal.reason)) return status;
  const name = signal.reason.details['signal'];
  return STOPS[name as keyof typeof STOPS];
}

async function version(): Promise<string> {
  return (await import('../agent/version.ts')).VERSION;
}

async function overview(): Promise<string> {
  const rows = await Promise.all(Object.keys(COMMANDS).map(async (name) => `  ${name.padEnd(10)}${(await load(name)).summary}`));
  return `docket ${await version()}: runs workflows of sandboxed tasks, names each by the hash of what it does, and files its result as a signed receipt.

Usage: docket COMMAND [WORDS] [OPTIONS]

Commands:
${rows.join('\n')}

\`docket help COMMAND\` explains one of them. Start with: docket run WORKFLOW.yaml
`;
}

async function load(name: string): Promise<Command> {
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found !== undefined) return (await found()).command;
  const next = `Commands: ${Object.keys(COMMANDS).join(', ')}. \`docket help\` explains them.`;
  if (name.startsWith('-')) throw new DocketError('USAGE', `the command comes first, its options after it: not "${name}"`, { next });
  throw new DocketError('USAGE', `there is no command "${name}"${didYouMean(name, Object.keys(COMMANDS))}`, { next });
}

async function call(name: string, args: readonly string[]): Promise<number> {
  const command = await load(name);
  ending.status = command.failure ?? exitStatus;
  const signal = stopSignal();
  try {
    const parsed = parse(name, command, args);
    if (parsed.flag('help')) {
      streams.stdout.write(helpText(name, command));
      return 0;
    }
    return statusAfter(await command.run({ ...parsed, streams, signal, env: process.env }), signal);
  } catch (error) {
    const status = await failed(error, args);
    return status === CANCELLED ? statusAfter(status, signal) : (command.failure?.(error) ?? status);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const [first, ...others] = args;
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    const topic = first === undefined ? undefined : others[0];
    if (topic !== undefined) return call(topic, ['--help']);
    (first === undefined ? streams.stderr : streams.stdout).write(await overview());
    return first === undefined ? 2 : 0;
  }
  if (first === '--version' || first === '-V' || first === 'version') {
    streams.stdout.write(`${await version()}\n`);
    return 0;
  }
  return call(first, others);
}

/** Reports a failure and gives the exit status it stands for. How errors are printed is loaded only now. */
async function failed(thrown: unknown, args: readonly string[]): Promise<number> {
  const error = rootOf(thrown);
  const { reportError } = await import('./report-error.ts');
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  reportError(error, streams, { json: own.includes('--json') });
  return exitStatus(error);
}

/** What went wrong first: cleaning up after it may have failed as well. */
function rootOf(error: unknown): unknown {
  return error instanceof SuppressedError ? rootOf(error.suppressed) : error;
}

function exitStatus(error: unknown): number {
  return isDocketError(error) ? error.exit : 70;
}

/** What a failure ends us with, which the command may know better. */
const ending: { status: (error: unknown) => number } = { status: exitStatus };

/**
 * A reader that went away (`docket runs | head`) ends us quietly, as it ends other programs: what is finished is filed. Whatever else keeps stdout from
 * being written (a full disk) is told, and ends us too; the result waits for that, since a failed write is heard of a turn later.
 */
function watchStdout(): () => Promise<void> {
  let told: Promise<void> | undefined;
  streams.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE') process.exit(STOPS.SIGPIPE);
    const error = new DocketError('OUTPUT_UNWRITABLE', `cannot write to stdout: ${cause.message}`, { next: '' });
    told ??= failed(error, []).then(() => process.exit(ending.status(error)));
  });
  return async () => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await told;
  };
}

/** Nobody reads what we tell; that is no reason to stop working. */
streams.stderr.on('error', () => {});

/** Waits until whoever reads it has taken what was written: pipes take it at once on Linux only. */
async function taken(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

const stdoutHeard = watchStdout();
const args = process.argv.slice(2);
try {
  process.exitCode = await main(args);
} catch (error) {
  process.exitCode = await failed(error, args);
}
await Promise.all([taken(streams.stdout), taken(streams.stderr)]);
await stdoutHeard();
// A process that runs out takes its heap down piece by piece, which takes milliseconds.
process.exit();
