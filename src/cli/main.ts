import { readFileSync } from 'node:fs';
import { DocketError, isDocketError } from '../errors.ts';
import { type Call, type Command, helpText, parse, type Streams } from './command.ts';
import { reportError } from './report-error.ts';

/** Every command, imported only when called: `docket --version` must not load a workflow compiler. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  run: () => import('./commands/run.ts'),
  exec: () => import('./commands/exec.ts'),
  resume: () => import('./commands/resume.ts'),
  cancel: () => import('./commands/cancel.ts'),
  runs: () => import('./commands/runs.ts'),
  show: () => import('./commands/show.ts'),
  logs: () => import('./commands/logs.ts'),
  why: () => import('./commands/why.ts'),
  cid: () => import('./commands/cid.ts'),
  receipt: () => import('./commands/receipt.ts'),
  store: () => import('./commands/store.ts'),
};

const streams: Streams = process;

/** The version in package.json, which stands two folders up both in source and when built. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Exit statuses of a command that a signal killed, as shells count them. */
const STOPS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The first Ctrl-C, SIGTERM or hang-up ends the command in order; a second one kills. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: keyof typeof STOPS): void => {
    if (controller.signal.aborted) process.exit(STOPS[signal]);
    controller.abort(new DocketError('CANCELLED', `stopped by ${signal}`));
    if (streams.stderr.isTTY) streams.stderr.write('\nstopping; once more to kill\n');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  return controller.signal;
}

async function overview(): Promise<string> {
  const rows = await Promise.all(Object.entries(COMMANDS).map(async ([name, load]) => `  ${name.padEnd(10)}${(await load()).command.summary}`));
  return `docket ${version()}: runs workflows of sandboxed tasks, names each by the hash of what it does, and files its result as a signed receipt.

Usage: docket COMMAND [WORDS] [OPTIONS]

Commands:
${rows.join('\n')}

\`docket help COMMAND\` explains one of them. Start with: docket run WORKFLOW.yaml
`;
}

async function call(name: string, args: readonly string[]): Promise<number> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) throw new DocketError('USAGE', `there is no command "${name}"`, { next: `Commands: ${Object.keys(COMMANDS).join(', ')}.` });
  const { command } = await load();
  const parsed = parse(name, command, args);
  if (parsed.flag('help')) {
    streams.stdout.write(helpText(name, command));
    return 0;
  }
  const request: Call = { ...parsed, streams, signal: stopSignal(), env: process.env };
  return command.run(request);
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
    streams.stdout.write(`${version()}\n`);
    return 0;
  }
  return call(first, others);
}

/** A reader that went away (`docket runs | head`) is no failure. */
streams.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const args = process.argv.slice(2);
try {
  process.exitCode = await main(args);
} catch (error) {
  reportError(error, streams, { json: args.includes('--json') });
  process.exitCode = isDocketError(error) ? error.exit : 70;
}
