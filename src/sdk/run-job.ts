import { type AgentDoor, type Answer, callAgent, invalid } from '../store/agent-call.ts';

/** How a job of an agent ended that had an exit status. */
export interface EndedJob {
  readonly run: string;
  readonly receipt: string;
  /** Whether its result was there before. */
  readonly cached: boolean;
  readonly exit: number;
  /** Its stdout, or its stderr if the exit status is not 0. To be read, or discarded. */
  readonly said: Pick<Answer, 'body' | 'discard'>;
}

/**
 * Runs a named module on `stdin` by the one request that a token for single modules allows. Throws as `callAgent`: `JOB_FAILED`, with the failure's code in its details, for a
 * job that ended without an exit status. An answer must begin within the door's patience, five minutes at most.
 */
export async function runJob(
  door: AgentDoor,
  {
    module,
    stdin,
    signal,
  }: { readonly module: string; readonly stdin: Uint8Array | AsyncIterable<Uint8Array>; readonly signal: AbortSignal },
): Promise<EndedJob> {
  const answer = await callAgent(door, {
    method: 'POST',
    path: `/v1/jobs/${encodeURIComponent(module)}/run`,
    headers: { 'content-type': 'application/octet-stream' },
    body: stdin,
    signal,
  });
  const [run, receipt, exit] = ['docket-run', 'docket-receipt', 'docket-exit'].map((name) => answer.header(name));
  if (run === undefined || receipt === undefined || exit === undefined || !/^\d{1,10}$/.test(exit)) {
    answer.discard();
    throw invalid(door.url, 'it does not say how the job ended');
  }
  return { run, receipt, cached: answer.header('docket-cached') === 'true', exit: Number(exit), said: answer };
}
