import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagesOf } from '../../../src/api/homestar/notifications.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { decode } from '../../../src/ipld/dag-json.ts';
import type { Ipld } from '../../../src/ipld/value.ts';
import type { TaskReceipt } from '../../../src/protocol/run-told.ts';

const CID = Cid.ofValue('any');
const FOLLOWED = { subscription: 'abcdefghijklmnop', run: '01', workflow: CID, name: 'test' };

function receiptOf(value: Ipld, prf: readonly Ipld[] = []): TaskReceipt {
  const meta = {
    op: 'f',
    instruction: CID,
    started: 0,
    usage: { wall: 0.5, cpu: 0.5, memory: 0, output: 0 },
    limits: {},
    grants: [],
    agent: 'did:x',
    attempt: 1,
    docket: '0',
  };
  return {
    kind: 'receipt',
    label: '0',
    instruction: CID,
    receipt: CID,
    content: { ran: CID, out: ['ok', value], meta, iss: 'did:x', prf },
    isFound: false,
  };
}

interface Message {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

const messages = (told: TaskReceipt): Message[] => [...messagesOf(FOLLOWED, told)].map((text) => JSON.parse(text) as Message);

test('bytes, texts and proofs come as they are; the CID is that of what is told', () => {
  const value = { bytes: Uint8Array.from({ length: 256 }, (_, i) => i), text: '☃ "\u0000', float: 2.5, link: CID };
  const [message, ...rest] = messages(receiptOf(value, [CID]));
  assert.deepEqual([rest, message!.method, Object.keys(message!.params)], [[], 'subscribe_run_workflow', ['subscription', 'result']]);
  const told = decode(Buffer.from(message!.params['result'] as number[]).toString()) as { receipt: Ipld; receipt_cid: Ipld };
  const form = { iss: null, meta: { op: 'f' }, out: ['ok', value], prf: [CID], ran: CID };
  assert.deepEqual([told.receipt, told.receipt_cid], [form, Cid.ofValue(form)]);
});

test('a receipt that is too large is named instead, in a message that clients of Homestar pass over', () => {
  const [message, ...rest] = messages(receiptOf(new Uint8Array(4 * 2 ** 20)));
  assert.deepEqual([rest, message!.method], [[], 'docket_run_event']);
  assert.deepEqual([message!.params['event'], message!.params['receipt']], ['large', CID.toString()]);
  assert.ok(!('subscription' in message!.params) && !('result' in message!.params));
});
