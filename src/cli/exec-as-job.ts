import { DocketError, isDocketError } from '../errors.ts';
import { FAILURE_CODES, type FailureCode } from '../receipt/outcome.ts';
import type { EndedJob } from '../sdk/run-job.ts';
import type { Call } from './command.ts';
import type { Desk } from './desk.ts';
import type { ExecCall } from './exec-call.ts';
import { failureStatus, guestStatus } from './exit-status.ts';
import { readStdin } from './execution.ts';
import { jsonLine, printable } from './present.ts';
import { writePiece } from './write-value.ts';

/** Options of `docket exec` that a job has no place for. */
const NOT_OF_A_JOB = ['dir', 'env', 'out', 'memory', 'time', 'output', 'open-files', 'fuel', 'grant', 'force'] as const;

/** Whether an agent refused because the token is for running single modules: then a job is what may be had. */
export function isForModules(error: unknown): boolean {
  return isDocketError(error, 'FORBIDDEN') && error.details['only'] === 'modules';
}

/**
 * `docket exec NAME` with a token that may run single modules and nothing else: one request, with stdin. Gives the exit status. Throws `FORBIDDEN` for a call that needs
 * more than that, and what `runJob` throws.
 */
export async function execAsJob(call: Call, { job }: Desk, words: ExecCall): Promise<number> {
  const more = NOT_OF_A_JOB.filter((name) => (name === 'force' ? call.flag(name) : call.values(name).length > 0)).map(
    (name) => `--${name}`,
  );
  if (call.rest !== undefined) more.push('arguments after --');
  if (words.reference === undefined) more.push('modules of your own');
  if (job === undefined || more.length > 0)
    throw new DocketError('FORBIDDEN', `the token is for running single modules, which allows no ${more.join(', ')}`, {
      next: 'Give the module its stdin and nothing else, or use a token with the scopes read, run and write.',
    });
  const stdin = words.stdin === undefined ? new Uint8Array() : readStdin(call, words.stdin);
  try {
    return await told(call, await job({ module: words.module, stdin, signal: call.signal }));
  } catch (error) {
    const failure = isDocketError(error, 'JOB_FAILED') ? error.details['failure'] : undefined;
    if (!isFailureCode(failure)) throw error;
    const { message, details } = error as DocketError;
    const status = failureStatus(failure);
    if (call.flag('json')) {
      const { run, receipt } = details;
      call.streams.stdout.write(jsonLine({ run, receipt, exit: status, failure: { code: failure, message } }));
    } else call.streams.stderr.write(`docket: ${printable(`${message} [${failure}]`)}\n`);
    return status;
  }
}

function isFailureCode(code: unknown): code is FailureCode {
  return FAILURE_CODES.some((known) => known === code);
}

async function told({ streams, ...call }: Call, { said, exit, run, receipt, cached }: EndedJob): Promise<number> {
  if (call.flag('json')) {
    said.discard();
    streams.stdout.write(jsonLine({ run, receipt, exit, cached }));
  } else for await (const piece of said.body) await writePiece(exit === 0 ? streams.stdout : streams.stderr, piece);
  return guestStatus(exit);
}
