import { basename } from 'node:path';
import type { Engine } from '../../agent/engine.ts';
import { type Execution, execPlan } from '../../agent/exec-plan.ts';
import { runPlan } from '../../agent/run-plan.ts';
import { statIndexOf } from '../../agent/stat-index.ts';
import { parseDuration, parseSize } from '../../base/units.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { type Ipld, isLink, isMap } from '../../ipld/value.ts';
import { decode } from '../../receipt/verify.ts';
import { exportTree } from '../../store/export.ts';
import { importFile, importFolder } from '../../store/import.ts';
import * as Tree from '../../store/tree.ts';
import type { Limits } from '../../workflow/limits.ts';
import { GRANTS } from '../../workflow/policy.ts';
import type { Call, Command } from '../command.ts';
import { openEngine } from '../open-engine.ts';
import { jsonable, jsonLine } from '../present.ts';
import { reportError } from '../report-error.ts';
import { writeTo } from './logs.ts';

export const command: Command = {
  summary: 'Run one WebAssembly module as one receipted task.',
  usage: 'MODULE.wasm [--dir HOST[::GUEST]]… [--env K=V]… [--stdin FILE] [--out DIR] [-- ARGS]',
  words: [1, 1],
  rest: true,
  options: {
    dir: { type: 'value', value: 'HOST[::GUEST]', many: true, help: 'give the guest a snapshot of a folder; writable for it, never written back' },
    env: { type: 'value', value: 'K=V', many: true, help: 'set an environment variable; nothing else of the environment is seen' },
    stdin: { type: 'value', value: 'FILE', help: 'what the guest reads as stdin; - is ours (default: empty)' },
    out: { type: 'value', value: 'DIR', help: 'write the files the guest made or changed there' },
    memory: { type: 'value', value: 'SIZE', help: 'memory limit, as 64MiB (default 1 GiB)' },
    time: { type: 'value', value: 'DURATION', help: 'time limit, as 10s (default 10 min)' },
    output: { type: 'value', value: 'SIZE', help: 'limit of bytes written: stdout, stderr and files (default 1 GiB)' },
    'open-files': { type: 'value', value: 'N', help: 'limit of open files (default 256)' },
    grant: { type: 'value', value: 'LIST', many: true, help: 'let the guest have the real clock, random; then the result is not reused' },
    force: { type: 'flag', help: 'run it even if there is a result' },
  },
  help: `
The module must be a WASI preview 1 command. It sees what it is given and nothing else: no network, clock, randomness, environment or files.
The same module with the same inputs is not run twice: its output comes from the receipt.

Exit status: the guest's own; 124 if it ran out of time, 125 if Docket failed, 126 if the module cannot be run, 134 if it trapped or broke
another limit.

Examples:
  docket exec hello.wasm -- world
  docket exec convert.wasm --dir photos::/in --out result -- /in/a.png /out.png`,
  async run(call) {
    try {
      return await exec(call);
    } catch (error) {
      if (isDocketError(error, 'USAGE')) throw error;
      reportError(error, call.streams, { json: call.flag('json') });
      return isDocketError(error, 'CANCELLED') ? 130 : 125;
    }
  },
};

async function exec(call: Call): Promise<number> {
  const word = call.words[0]!;
  if (!word.includes('/') && !word.endsWith('.wasm')) {
    throw new DocketError('USAGE', `"${word}" is no path of a module`, { next: 'A path holds a `/` or ends in `.wasm`: try `./' + word + '`.' });
  }
  const dirs = call.values('dir').map(parseDir);
  const env = Object.fromEntries(call.values('env').map(parseEnv));
  const limits = parseLimits(call);
  const grants = call.values('grant').flatMap((list) => list.split(','));
  const unknown = grants.find((grant) => !(GRANTS as readonly string[]).includes(grant));
  if (unknown !== undefined) throw new DocketError('USAGE', `there is no grant "${unknown}"; there are: ${GRANTS.join(', ')}`);

  await using engine = await openEngine(call, { willWrite: true });
  const options = { statIndex: statIndexOf(engine), signal: call.signal };
  const module = (await importFile(engine.store, word, options)).cid;
  const files: Record<string, Cid.CID> = {};
  for (const { host, guest } of dirs) files[guest] = (await importFolder(engine.store, host, options)).cid;
  const execution: Execution = {
    module,
    args: call.rest ?? [],
    env,
    stdin: await stdinOf(call, engine, options),
    files,
    keepFiles: call.value('out') !== undefined,
    grants,
    limits,
  };
  const finished = await runPlan(engine, execPlan(basename(word), execution), { force: call.flag('force') ? 'all' : [], signal: call.signal });
  const receipt = engine.ledger.runTask(finished.run, 0)?.receipt;
  return await deliver(call, engine, execution, finished.run, receipt ?? undefined);
}

/** Puts what came out where the caller wants it, and gives the guest's exit status. */
async function deliver(call: Call, engine: Engine, execution: Execution, run: string, receiptCid: Cid.CID | undefined): Promise<number> {
  const row = receiptCid && engine.ledger.receipt(receiptCid);
  if (receiptCid === undefined || row === undefined) throw new DocketError('CANCELLED', `run ${run} was cancelled`);
  const [tag, value] = decode(row.bytes).receipt.out;
  const failure = tag === 'error' && isMap(value) ? value : undefined;
  const result = failure === undefined ? value : failure['data'];
  const exit = exitStatus(failure, result);
  const out = call.value('out');
  if (out !== undefined && isMap(result) && isLink(result['files'] ?? null)) await writeChanges(engine, execution, result['files'] as Cid.CID, out);
  if (call.flag('json')) {
    call.streams.stdout.write(jsonLine({ run, receipt: receiptCid.toString(), exit, out: jsonable([tag, value]) }));
    return exit;
  }
  if (isMap(result)) {
    await writeTo(engine, result['stdout'] ?? '', call.streams.stdout);
    await writeTo(engine, result['stderr'] ?? '', call.streams.stderr);
  }
  if (failure !== undefined && failure['code'] !== 'exit') call.streams.stderr.write(`docket: ${String(failure['message'])} [${String(failure['code'])}]\n`);
  return exit;
}

function exitStatus(failure: { readonly [key: string]: Ipld } | undefined, result: Ipld | undefined): number {
  if (failure === undefined) return 0;
  switch (failure['code']) {
    case 'exit':
      // The shell keeps eight bits, and a failure must not look like success.
      return isMap(result) && typeof result['exit'] === 'number' ? result['exit'] & 0xff || 1 : 1;
    case 'limit/time':
      return 124;
    case 'lost':
      return 125;
    case 'invalid':
      return 126;
    case 'cancelled':
      return 130;
    default:
      return 134;
  }
}

/** Leaves out what is as it was given, so that the folder holds what the guest made or changed. */
async function writeChanges(engine: Engine, execution: Execution, files: Cid.CID, out: string): Promise<void> {
  const given = new Map<string, string>();
  for (const [guest, tree] of Object.entries(execution.files)) {
    const prefix = guest === '.' ? '' : `${guest}/`;
    for (const [path, entry] of Object.entries(Tree.decode(await engine.store.read(tree)))) given.set(prefix + path, sameness(entry));
  }
  const after = Object.entries(Tree.decode(await engine.store.read(files)));
  const changed = Object.fromEntries(after.filter(([path, entry]) => given.get(path) !== sameness(entry)));
  const bytes = Tree.encode(changed);
  await engine.store.put(bytes);
  await exportTree(engine.store, Cid.ofTree(bytes), out, { replace: true });
}

function sameness(entry: Tree.TreeEntry): string {
  return 'cid' in entry ? `${entry.cid} ${entry.executable}` : JSON.stringify(entry);
}

async function stdinOf(call: Call, engine: Engine, options: Parameters<typeof importFile>[2]): Promise<Ipld | undefined> {
  const file = call.value('stdin');
  if (file === undefined) return undefined;
  if (file !== '-') return (await importFile(engine.store, file, options)).cid;
  return (await engine.store.put(call.streams.stdin as AsyncIterable<Uint8Array>, { signal: call.signal })).cid;
}

function parseDir(text: string): { readonly host: string; readonly guest: string } {
  const at = text.indexOf('::');
  const host = at < 0 ? text : text.slice(0, at);
  const parts = (at < 0 ? text : text.slice(at + 2)).split('/').filter((part) => part !== '' && part !== '.');
  if (host === '' || parts.includes('..')) {
    throw new DocketError('USAGE', `--dir ${text}: a guest path must be inside its root`, { next: `Say where it stands for the guest: --dir ${host}::/data` });
  }
  return { host, guest: parts.length === 0 ? '.' : parts.join('/') };
}

function parseEnv(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new DocketError('USAGE', `--env takes NAME=VALUE, not "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function parseLimits(call: Call): Partial<Limits> {
  const memory = measured(call, 'memory', parseSize, '64MiB');
  const time = measured(call, 'time', parseDuration, '10s');
  const output = measured(call, 'output', parseSize, '16MiB');
  const openFiles = measured(call, 'open-files', Number, '64');
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(time === undefined ? {} : { time }),
    ...(output === undefined ? {} : { output }),
    ...(openFiles === undefined ? {} : { openFiles }),
  };
}

function measured(call: Call, name: string, parse: (text: string) => number | undefined, example: string): number | undefined {
  const text = call.value(name);
  if (text === undefined) return undefined;
  const amount = parse(text);
  if (amount === undefined || !Number.isFinite(amount)) throw new DocketError('USAGE', `--${name} takes a value such as ${example}, not "${text}"`);
  return amount;
}
