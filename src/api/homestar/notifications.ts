import * as DagJson from '../../ipld/dag-json.ts';
import type { CID } from '../../ipld/cid.ts';
import { homestarForm } from '../../receipt/homestar-form.ts';
import type { RunTold, TaskReceipt, TaskUnrun } from '../../protocol/run-told.ts';
import { outcomeOf } from '../../receipt/out.ts';
import { notification } from './json-rpc.ts';

/**
 * What clients are told. Homestar's notifications carry under `params.result` a list of the bytes of a DAG-JSON text. What Homestar has no words for goes under a
 * method of our own, `docket_run_event`, without the keys `subscription` and `result`, by which its clients would take it for one of theirs.
 */

export const RUN = 'subscribe_run_workflow';
export const NETWORK = 'subscribe_network_events';
const EVENT = 'docket_run_event';

/** Bytes of a receipt as DAG-JSON; as a list of numbers it is four times as long. */
const MOST_RECEIPT = 4 * 2 ** 20;

/** A run, as one subscription follows it. */
export interface Followed {
  readonly subscription: string;
  readonly run: string;
  readonly workflow: CID;
  readonly name: string;
}

/** The messages for something that is told of a run. */
export function* messagesOf(followed: Followed, told: RunTold): Generator<string> {
  switch (told.kind) {
    case 'receipt':
      return yield* receiptMessages(followed, told);
    case 'unrun':
      return yield eventMessage(followed, told.state, unrunParams(told));
    case 'ended': {
      const { kind: _, ...how } = told;
      return yield eventMessage(followed, 'ended', how);
    }
  }
}

/** That a run goes on, and which. */
export function begunMessage(followed: Followed, tasks: number | null): string {
  return eventMessage(followed, 'begun', { tasks });
}

/** That no more can be told of a run, and why. */
export function brokenMessage(followed: Followed, cause: Readonly<Record<string, unknown>>): string {
  return eventMessage(followed, 'broken', cause);
}

export function networkMessage(subscription: string, event: string, what: Readonly<Record<string, unknown>>): string {
  return byteMessage(NETWORK, subscription, Buffer.from(JSON.stringify({ [event]: what })));
}

function* receiptMessages(followed: Followed, { label, instruction, receipt, content, leftOut, isFound }: TaskReceipt): Generator<string> {
  const { name, workflow, subscription } = followed;
  const { cid, receipt: form } = homestarForm(content);
  const metadata = { name, replayed: isFound, workflow };
  const bytes = Buffer.from(DagJson.encode({ metadata, receipt: form, receipt_cid: cid }));
  const task = { task: label, instruction: instruction.toString(), receipt: receipt.toString() };
  const large = leftOut ?? (bytes.length > MOST_RECEIPT ? bytes.length : undefined);
  if (large !== undefined) yield eventMessage(followed, 'large', { ...task, bytes: large });
  else yield byteMessage(RUN, subscription, bytes);
  const outcome = outcomeOf(content.out);
  if (outcome.tag === 'error')
    yield eventMessage(followed, 'failed', { ...task, code: outcome.failure.code, message: outcome.failure.message });
}

function unrunParams({ label, instruction, cause }: TaskUnrun): Readonly<Record<string, unknown>> {
  return { task: label, instruction: instruction.toString(), ...(cause === null ? {} : { cause }) };
}

function eventMessage({ subscription, run, workflow, name }: Followed, event: string, more: Readonly<Record<string, unknown>>): string {
  return notification(EVENT, JSON.stringify({ subscription_id: subscription, run, workflow: workflow.toString(), name, event, ...more }));
}

function byteMessage(method: string, subscription: string, bytes: Uint8Array): string {
  return notification(method, `{"subscription":${JSON.stringify(subscription)},"result":[${bytes.join(',')}]}`);
}
