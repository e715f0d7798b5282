import type { FailureCode } from '../receipt/outcome.ts';
import type { Contact, DriveHooks, FinishedRun } from '../scheduler/driver.ts';
import type { RunOutcome } from '../scheduler/events.ts';
import { whereItIs } from '../sdk/lost-run.ts';
import type { Plan } from '../workflow/model.ts';
import type { Call, OptionSpecs } from './command.ts';
import type { Desk } from './desk.ts';
import { deliverWhole } from './healing.ts';
import { prepareOut, writeOutputs } from './outputs.ts';
import { counted, countsLine, errorLines, jsonable, jsonLine, printable, secondsText } from './present.ts';
import { printOutputs } from './print-outputs.ts';
import { progressFor } from './progress/progress.ts';

/** Options of every command that drives a run. */
export const RUN_OPTIONS = {
  out: { type: 'value', value: 'DIR', help: 'write the named outputs there, as files and folders' },
  slots: { type: 'value', value: 'N', help: 'run at most N tasks at a time (default: number of processors)' },
  'await-time': {
    type: 'value',
    value: 'TIME',
    help: 'how long promises on tasks of other workflows wait for their receipts, at most 1d (default: 1min)',
  },
  'fail-fast': { type: 'flag', help: 'stop at the first failure (default: independent tasks still finish)' },
} as const satisfies OptionSpecs;

const STATUS: Readonly<Record<RunOutcome, number>> = { completed: 0, failed: 1, cancelled: 130 };

type Start = (hooks: DriveHooks) => Promise<FinishedRun>;

interface Conduct {
  readonly plan: Plan;
  /** Of the run, as asked for. */
  readonly slots?: number | undefined;
  readonly start: Start;
  /** Imports the inputs of the plan once more, from the files they came from; gives the plan made of them now. Default: they are not to be had. */
  readonly importAgain?: () => Promise<Plan>;
}

/**
 * Drives a run to its end: progress on stderr, the outcome on stdout, outputs in `--out`. Inputs that turn out damaged are imported again and the run
 * goes on; outputs that do are made again by another run. Gives the exit status.
 */
export async function conductRun(call: Call, desk: Desk, conduct: Conduct): Promise<number> {
  const out = call.value('out');
  // Before the work, which may take hours.
  if (out !== undefined) await prepareOut(out);
  const { plan, slots, start } = conduct;
  const first = await watched(call, desk, plan, start);
  const finished = (await mended(call, desk, conduct, first)) ?? first;
  return await deliver(call, desk, { plan: async () => plan, slots, finished });
}

/** How tasks fail that lack a blob, among other reasons. */
const MAY_BE_BLOBS: ReadonlySet<string> = new Set<FailureCode>(['invalid', 'lost', 'unfetched']);

/** The run taken up again, if it failed for want of inputs that can be had once more. */
async function mended(call: Call, desk: Desk, conduct: Conduct, { state, run, errors }: FinishedRun): Promise<FinishedRun | undefined> {
  const { plan, importAgain, slots } = conduct;
  const mayBeBlobs = state === 'failed' && errors.some(({ code }) => MAY_BE_BLOBS.has(code));
  if (!mayBeBlobs || importAgain === undefined) return undefined;
  const { missingInputs } = await import('../agent/missing-inputs.ts');
  const missing = await missingInputs(desk.importer.shelf, plan);
  if (missing.length === 0) return undefined;
  const again = await importAgain();
  // A file that changed meanwhile makes another workflow; that one is for the next run.
  if (!again.workflow.equals(plan.workflow) || (await missingInputs(desk.importer.shelf, plan)).length === missing.length) return undefined;
  call.streams.stderr.write(
    `docket: ${counted(missing.length, 'input')} had been damaged and ${missing.length === 1 ? 'was' : 'were'} read again: the run goes on\n`,
  );
  return await watched(call, desk, plan, (hooks) => desk.driver.resume(run, plan, { ...(slots === undefined ? {} : { slots }), ...hooks }));
}

interface Delivery extends Pick<Conduct, 'slots'> {
  readonly finished: FinishedRun;
  readonly plan: () => Promise<Plan>;
}

/** Tells how a run ended, and puts its outputs where the call wants them. Gives the exit status. */
export async function deliver(call: Call, desk: Desk, { plan, slots, finished }: Delivery): Promise<number> {
  let current = finished;
  return await deliverWhole(
    () => deliverOnce(call, desk, current),
    async ({ message }) => {
      call.streams.stderr.write(`docket: ${printable(message)}; it is made again\n`);
      const whole = await plan();
      current = await watched(call, desk, whole, (hooks) =>
        desk.driver.run(whole, { ...(slots === undefined ? {} : { slots }), ...hooks }),
      );
    },
  );
}

async function deliverOnce(call: Call, desk: Desk, finished: FinishedRun): Promise<number> {
  const { stdout, stderr } = call.streams;
  const out = call.value('out');
  const { run, workflow, state, tasks, errors, moreErrors = 0, seconds } = finished;
  stderr.write(summaryText(finished));
  if (out !== undefined && state !== 'cancelled') {
    await writeOutputs(desk.store, finished.outputs, out);
    stderr.write(`${counted(Object.keys(finished.outputs).length, 'output')} in ${printable(out)}\n`);
  }
  if (call.flag('json')) {
    const outputs = Object.fromEntries(Object.entries(finished.outputs).map(([name, value]) => [name, jsonable(value)]));
    const told = { errors, ...(moreErrors === 0 ? {} : { moreErrors }) };
    stdout.write(jsonLine({ run, workflow: workflow.toString(), state, tasks, outputs, ...told, seconds: Number(seconds.toFixed(3)) }));
  } else if (out === undefined) await printOutputs(desk, finished.outputs, stdout);
  return STATUS[state];
}

/** Shows progress while a run goes on. `stops`: whether what stops the command stops the run as well. */
export async function watched(
  call: Call,
  { detached }: Pick<Desk, 'detached'>,
  plan: Plan,
  start: Start,
  { stops = true } = {},
): Promise<FinishedRun> {
  const progress = progressFor(plan, call, () => performance.now(), { atAgent: detached !== undefined });
  const stopping = (): void => void (stops && progress.stopping());
  call.signal.addEventListener('abort', stopping);
  let id = '';
  try {
    const finished = await start({
      onEvent: (event) => progress.event(event),
      onRun: (run) => {
        id = run;
        progress.tell(`run ${run}: ${printable(plan.name)}, ${counted(plan.tasks.length, 'task')}`);
      },
      onContact: (contact) => progress.tell(contactText(contact, id)),
      signal: call.signal,
    });
    // What the user waited for: a large workflow may take longer to read and compile than to run from the cache.
    return { ...finished, seconds: process.uptime() };
  } finally {
    call.signal.removeEventListener('abort', stopping);
    progress.stop();
  }
}

function contactText(contact: Contact, run: string): string {
  if (contact.tag === 'back') return printable(`${contact.url} answers again`);
  return printable(`the connection to ${contact.url} is cut, it is tried again; ${whereItIs(run, contact.mesh)}`);
}

function summaryText({ run, state, tasks, errors, moreErrors, seconds }: FinishedRun): string {
  const remark = tasks.ran + tasks.failed === 0 && tasks.cached > 0 && state === 'completed' ? ' — everything was cached' : '';
  const next = {
    completed: '',
    failed: `  docket show ${run} says more; ${failedAdvice(run, errors)}\n`,
    cancelled: `  docket resume ${run} goes on\n`,
  };
  return `${state} in ${secondsText(seconds)}. ${countsLine(tasks)}${remark}\n${errorLines(errors, moreErrors)
    .map((line) => `${line}\n`)
    .join('')}${next[state]}`;
}

/** What nobody could run has written nothing; what was run and not kept is only to be kept. */
function failedAdvice(run: string, errors: FinishedRun['errors']): string {
  // An output fails for its task.
  const codes = new Set(errors.map(({ code }) => code).filter((code) => code !== 'output'));
  const [only] = codes.size === 1 ? codes : [];
  if (only === 'unplaceable') return `start an agent that has what is lacking, or change \`needs\`; then docket resume ${run} goes on`;
  if (only === 'unkept') return `when there is room, or what else it lacked, docket resume ${run} keeps it and runs nothing again`;
  return `docket logs ${run} TASK has what a task wrote`;
}
