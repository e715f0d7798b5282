import { DocketError, isDocketError } from '../errors.ts';

/** What is told whoever follows a run and loses its agent: which run, and where there is more to learn. To ask again would start another. */

export function isAway(error: unknown): boolean {
  return isDocketError(error, 'AGENT_UNREACHABLE') || isDocketError(error, 'AGENT_TIMEOUT');
}

interface Lost {
  readonly run: string;
  readonly url: string;
}

/** `mesh`: the one its agent is in, if it is in one. */
export function lostRun({ code, message }: DocketError, { run, url, mesh }: Lost & { readonly mesh: string | undefined }): DocketError {
  const here = `\`docket watch ${run} --agent ${url}\``;
  return new DocketError(code, `${message}; ${whereItIs(run, mesh)}`, {
    next:
      mesh === undefined
        ? `${here} goes on with it when that agent runs again.`
        : `\`docket watch ${run} --agent URL\` goes on with it, at another agent of that mesh.`,
    details: { run, ...(mesh === undefined ? {} : { mesh }) },
  });
}

/** Of a run that ended, as was heard before its outputs could be asked for. */
export function endLost({ code, message }: DocketError, { run, url, state }: Lost & { readonly state: string }): DocketError {
  return new DocketError(code, `${message}; run ${run} has ended (${state}), and what came of it could not be asked for`, {
    next: `\`docket watch ${run} --agent URL\` gives it once more: at ${url} when that agent runs again, or at another of its mesh.`,
    details: { run },
  });
}

export function whereItIs(run: string, mesh: string | undefined): string {
  if (mesh === undefined) return `run ${run} goes on there, or when that agent is started again`;
  return `run ${run} belongs to the mesh ${mesh} and goes on there if others are in it`;
}
