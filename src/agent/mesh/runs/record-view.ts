import { ERROR_CODES, type ErrorCode } from '../../../errors.ts';
import { isMap, isList, isLink } from '../../../ipld/value.ts';
import type { RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { RunFailure, RunView } from '../../../protocol/records.ts';

/** What the mesh says of a run, as runs are shown. Outputs behind a link are left out. */
export function viewOfRecord(record: RunRecord): RunView {
  const { run, name, workflow, plan, created, finished, counts, outputs, asked, coordinator, awaits, state, isSecured } = record;
  return {
    run,
    name,
    workflow,
    plan,
    state: state === 'deleted' ? 'cancelled' : state,
    created,
    finished,
    tasks: counts,
    outputs: isMap(outputs) && !isLink(outputs) && !isList(outputs) ? outputs : {},
    slots: asked.slots,
    failFast: asked.failFast,
    ...failureOf(record),
    ...(coordinator === null ? {} : { coordinator: coordinator.did }),
    ...(coordinator !== null && state === 'running' && !isSecured ? { unsecured: {} } : {}),
    ...(coordinator === null && state === 'running' && awaits !== undefined ? { awaits } : {}),
  };
}

function failureOf({ failure, state }: RunRecord): { readonly failure?: RunFailure } {
  if (failure === null || state === 'running') return {};
  const { code, message } = failure;
  const next = Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as ErrorCode].next : '';
  return { failure: { code, message, next } };
}
