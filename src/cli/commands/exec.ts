import type { BoundExtension } from '../../agent/bind-extensions.ts';
import { type Execution, execPlan } from '../../agent/exec-plan.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { type Ipld, isLink, isMap } from '../../ipld/value.ts';
import type { Outcome } from '../../receipt/outcome.ts';
import { failureText } from '../../receipt/show.ts';
import type { FinishedRun } from '../../scheduler/driver.ts';
import { exportTree } from '../../store/export.ts';
import * as Tree from '../../store/tree.ts';
import type { Plan } from '../../workflow/model.ts';
import type { Call, Command } from '../command.ts';
import { type ExecCall, parseExecCall } from '../exec-call.ts';
import { canImportAgain, importExecution } from '../execution.ts';
import { CANNOT_RUN, DOCKET_FAILED, failureStatus, guestStatus } from '../exit-status.ts';
import { deliverWhole } from '../healing.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import { prepareOut } from '../outputs.ts';
import { jsonable, jsonLine, printable } from '../present.ts';
import { documentOf, reportError } from '../report-error.ts';
import { writeValue } from '../write-value.ts';

export const command: Command = {
  summary: 'Run one WebAssembly module as one receipted task.',
  usage: 'MODULE.wasm|NAME[@VERSION] [STDIN_FILE] [--dir HOST[::GUEST]]… [--env K=V]… [--stdin FILE] [--out DIR] [-- ARGS]',
  words: [1, 2],
  tooMany: 'Arguments of the program stand after `--`: docket exec MODULE.wasm -- ARGS',
  rest: true,
  failure: (error) => (isDocketError(error, 'MODULE_INVALID') ? CANNOT_RUN : DOCKET_FAILED),
  options: {
    dir: {
      type: 'value',
      value: 'HOST[::GUEST]',
      many: true,
      help: 'give the guest a snapshot of a folder; writable for it, never written back',
    },
    env: { type: 'value', value: 'K=V', many: true, help: 'set an environment variable; nothing else of the environment is seen' },
    stdin: { type: 'value', value: 'FILE', help: 'what the guest reads as stdin; - is ours (default: empty)' },
    out: { type: 'value', value: 'DIR', help: 'write the files the guest made or changed there' },
    memory: { type: 'value', value: 'SIZE', help: 'memory limit, as 64MiB (default 1GiB)' },
    time: { type: 'value', value: 'DURATION', help: 'time limit, as 10s (default 10min)' },
    output: { type: 'value', value: 'SIZE', help: 'limit of bytes written: stdout, stderr and files (default 1GiB)' },
    'open-files': { type: 'value', value: 'N', help: 'limit of open files (default 256)' },
    fuel: { type: 'value', value: 'N', help: 'limit of units of fuel, about one an instruction (default none)' },
    grant: {
      type: 'value',
      value: 'LIST',
      many: true,
      help: 'let the guest have the real clock, random (then the result is not reused), or extension:NAME',
    },
    force: { type: 'flag', help: 'run it even if there is a result' },
  },
  help: `
A word that holds a / or ends in .wasm is the path of a module; any other is the name of one (\`docket manifest push\` gives names), whose manifest says
what the call does not: arguments, variables, limits. A named module reads STDIN_FILE, or else what is piped to us. At an agent a token
for that module alone is enough, if it is given nothing else.

The module must be a command: a module for WASI preview 1, or a component that exports wasi:cli/run@0.2. It sees what it is given and nothing else: no
network, clock, randomness, environment or files.
The same module with the same inputs is not run twice: its output comes from the receipt. What it prints is shown when it has ended.
Without ::GUEST a folder stands at its own path below the guest's root: --dir data/in as /data/in. There is no /tmp unless one is given: --dir EMPTY::/tmp.

Exit status: the guest's own (1 if its last eight bits are 0); 124 if it ran out of time, 125 if Docket failed or the command line is wrong, 126 if the
module cannot be run, 130 if stopped by Ctrl-C, 134 if it trapped or broke another limit. If the guest ended well and --out cannot be written: 125.

Examples:
  docket exec hello.wasm -- world
  docket exec convert.wasm --dir photos::/in --out result -- /in/a.png /out.png
  cat letter.txt | docket exec sh.serval.loudify@1`,
  async run(call) {
    const words = await parseExecCall(call);
    const out = call.value('out');
    if (out !== undefined) await prepareOut(out);
    await using desk = await openDesk(call, { drives: true });
    let execution: Delivery['execution'];
    try {
      execution = await importExecution(call, desk, words);
    } catch (error) {
      const { execAsJob, isForModules } = await import('../exec-as-job.ts');
      if (!isForModules(error)) throw error;
      return await execAsJob(call, desk, words);
    }
    const plan = execPlan(execution);
    const run = (force: 'all' | []): Promise<FinishedRun> => watched(call, () => desk.driver.run(plan, { force, signal: call.signal }));
    let last = await run(call.flag('force') ? 'all' : []);
    if (last.state === 'failed' && canImportAgain(words) && (await lacksInputs(desk, plan))) {
      await importExecution(call, desk, words);
      call.streams.stderr.write('docket: an input had been damaged and was read again\n');
      last = await run([]);
    }
    const said = new Set<string>();
    return await deliverWhole(
      () => deliver({ call, desk, execution, words, run: last.run, said }),
      async ({ message }) => {
        call.streams.stderr.write(`docket: ${printable(message)}; it is made again\n`);
        last = await run([]);
      },
    );
  },
};

async function lacksInputs(desk: Desk, plan: Plan): Promise<boolean> {
  const { missingInputs } = await import('../../agent/missing-inputs.ts');
  return (await missingInputs(desk.importer.shelf, plan)).length > 0;
}

/** Says on a terminal that a Ctrl-C was heard. Elsewhere stderr is the guest's. */
async function watched(call: Call, work: () => Promise<FinishedRun>): Promise<FinishedRun> {
  const { stderr } = call.streams;
  const stopping = (): void => void (stderr.isTTY && stderr.write('\nstopping; once more kills\n'));
  call.signal.addEventListener('abort', stopping);
  try {
    return await work();
  } finally {
    call.signal.removeEventListener('abort', stopping);
  }
}

interface Delivery {
  readonly call: Call;
  readonly desk: Desk;
  readonly execution: Execution & { readonly bound: readonly BoundExtension[] };
  readonly words: ExecCall;
  readonly run: string;
  /** What was printed already, before something else turned out damaged. */
  readonly said: Set<string>;
}

/** Puts what came out where the caller wants it, and gives the guest's exit status. */
async function deliver(delivery: Delivery): Promise<number> {
  const { call, desk, run } = delivery;
  const ended = await desk.firstResult(run);
  if (ended === undefined) throw new DocketError('CANCELLED', `run ${run} was cancelled`);
  const { cid, outcome, receipt } = ended;
  const result = outcome.tag === 'ok' ? outcome.value : outcome.failure.data;
  const { files, stdout, stderr } = isMap(result) ? result : {};
  const json = call.flag('json');
  // Before the files: those a guest left may not be writable here, which must not hide what it said.
  if (!json) await say(delivery, outcome, { stdout, stderr });
  const trouble = isLink(files) ? await writeFiles(delivery, files) : undefined;
  const exit = exitStatus(outcome);
  if (json) {
    const error = trouble === undefined ? {} : { error: documentOf(trouble) };
    const extensions = await extensionsOf(delivery);
    call.streams.stdout.write(jsonLine({ run, receipt: cid.toString(), exit, ...extensions, out: jsonable(receipt.out), ...error }));
  }
  if (trouble === undefined) return exit;
  reportError(trouble, call.streams, { json: false });
  return exit === 0 ? DOCKET_FAILED : exit;
}

/** Which modules were bound, if any. */
async function extensionsOf({ execution: { bound } }: Delivery): Promise<Record<string, unknown>> {
  if (bound.length === 0) return {};
  const { extensionsDocument } = await import('../../agent/bind-extensions.ts');
  return { extensions: extensionsDocument(bound) };
}

async function say(
  { call: { streams }, desk, words, said }: Delivery,
  outcome: Outcome,
  written: Record<'stdout' | 'stderr', Ipld | undefined>,
) {
  for (const stream of ['stdout', 'stderr'] as const) {
    if (!said.has(stream)) await writeValue(desk, written[stream], streams[stream]);
    said.add(stream);
  }
  if (outcome.tag === 'ok' || outcome.failure.code === 'exit') return;
  const unfit = isUnfit(outcome);
  streams.stderr.write(`docket: ${printable(`${unfit ? `${words.module}: ` : ''}${failureText(outcome)}`)}\n`);
  if (!unfit) return;
  const advice =
    outcome.failure.data?.['component'] === true
      ? `Functions of a component are called by a task of a workflow: \`docket inspect ${printable(words.module)}\` shows one.`
      : 'A module must be a command: build it for wasm32-wasip1 or wasm32-wasip2, with a main function.';
  streams.stderr.write(`  ${advice}\n`);
}

/** Writes what the guest made or changed to --out; gives what kept it from that. */
async function writeFiles({ call, desk, execution }: Delivery, files: Cid.CID): Promise<DocketError | undefined> {
  const out = call.value('out');
  if (out === undefined) return undefined;
  try {
    await writeChanges(desk, execution, files, out);
    return undefined;
  } catch (error) {
    if (isDocketError(error, 'OUTPUT_UNWRITABLE')) return error;
    throw error;
  }
}

/** The module is at fault, not what it was to be given. */
function isUnfit(outcome: Outcome): boolean {
  return outcome.tag === 'error' && outcome.failure.code === 'invalid' && outcome.failure.data?.['part'] === 'module';
}

function exitStatus(outcome: Outcome): number {
  if (outcome.tag === 'ok') return 0;
  const { code, data } = outcome.failure;
  if (code === 'exit') return typeof data?.['exit'] === 'number' ? guestStatus(data['exit']) : 1;
  return isUnfit(outcome) ? CANNOT_RUN : failureStatus(code);
}

/** Leaves out what is as it was given, so that the folder gets what the guest made or changed. */
async function writeChanges(desk: Desk, execution: Execution, files: Cid.CID, out: string): Promise<void> {
  const given = new Map<string, string>();
  for (const [guest, tree] of Object.entries(execution.files)) {
    const prefix = guest === '.' ? '' : `${guest}/`;
    for (const [path, entry] of Object.entries(await Tree.read(desk.store, tree))) given.set(prefix + path, sameness(entry));
  }
  const after = Object.entries(await Tree.read(desk.store, files));
  const changed = Object.fromEntries(after.filter(([path, entry]) => given.get(path) !== sameness(entry)));
  await exportTree(desk.store, await Tree.write(desk.store, changed), out, { replace: true });
}

function sameness(entry: Tree.TreeEntry): string {
  return 'cid' in entry ? `${entry.cid} ${entry.executable}` : JSON.stringify(entry);
}
