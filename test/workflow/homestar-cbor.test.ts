import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DocketError, isDocketError } from '../../src/errors.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { decode } from '../../src/ipld/dag-json.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { compile } from '../../src/workflow/compile.ts';
import { isCbor } from '../../src/workflow/decode-text.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { compileText, MemorySources } from './helpers.ts';

const WASM = 'ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq';
const task = (func: string, more = ''): string =>
  `{"run":{"rsc":"${WASM}","op":"wasm/run","input":{"func":"${func}","args":[1, 1.0, {"/":{"bytes":"oVI8"}}]},"nnc":""},"meta":{"fuel":18446744073709552000,"time":100000${more}},"prf":[],"cause":null}`;
const TEXT = `{"tasks":[${task('add_one')},${task('add_two')}]}`;

const compileBytes = (bytes: Uint8Array, file = 'flow.cbor'): Promise<Plan> =>
  compile(bytes, { file, inputs: {}, sources: new MemorySources() });
const errorOf = async (value: Ipld | Uint8Array): Promise<DocketError> => {
  const bytes = value instanceof Uint8Array ? value : encode(value);
  const error: unknown = await compileBytes(bytes).then(
    () => assert.fail('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(isDocketError(error), String(error));
  return error;
};
const cids = ({ workflow, tasks }: Plan): string[] => [workflow, ...tasks.flatMap((one) => [one.instruction, one.invocation])].map(String);

test('a workflow in DAG-CBOR has the CIDs of the same in JSON, alone and with a name', async () => {
  const workflow = decode(TEXT);
  const fromText = await compileText(TEXT, { file: 'flow.json' });
  const alone = await compileBytes(encode(workflow));
  const named = await compileBytes(encode({ name: 'test', workflow }));
  for (const plan of [alone, named]) assert.deepEqual(cids(plan), cids(fromText));
  assert.deepEqual([alone.name, named.name], [alone.workflow.toString(), 'test']);
  const inJson = await compileText(`{"name":"test","workflow":${TEXT}}`, { file: 'flow.json' });
  assert.deepEqual([cids(inJson), inJson.name], [cids(fromText), 'test']);
});

test('what is wrong is told with its place as a pointer', async () => {
  const workflow = decode(TEXT) as IpldMap;
  const [first] = workflow['tasks'] as readonly IpldMap[];
  const broken = { ...first, run: { ...(first!['run'] as IpldMap), op: 'no/op' } };
  const alone = await errorOf({ tasks: [first!, broken] });
  assert.deepEqual([alone.code, alone.place], ['OP_UNKNOWN', { file: 'flow.cbor', pointer: '/tasks/1/run/op' }]);
  const wrapped = await errorOf({ name: 'x', workflow: { tasks: [broken] } });
  assert.deepEqual(wrapped.place, { file: 'flow.cbor', pointer: '/workflow/tasks/0/run/op' });
  const twice = await errorOf({ tasks: [first!, first!] });
  assert.deepEqual([twice.code, twice.place?.pointer], ['WORKFLOW_DUPLICATE', '/tasks/1']);
  assert.match(twice.message, /^workflow cannot contain duplicate tasks: use a nonce \(nnc field\) to ensure uniqueness$/);
  assert.equal((await errorOf({})).message, 'no tasks field set');
  assert.equal((await errorOf({ name: '', workflow })).place?.pointer, '/name');
  assert.equal((await errorOf({ name: 7, workflow })).place?.pointer, '/name');
  assert.equal((await errorOf([1])).code, 'WORKFLOW_INVALID');
});

test('bytes that are no DAG-CBOR are refused by name, whatever they are', async () => {
  const whole = encode(decode(TEXT));
  for (let length = 0; length < whole.length; length += 7) assert.equal((await errorOf(whole.slice(0, length))).code, 'WORKFLOW_SYNTAX');
  assert.equal((await errorOf(Buffer.concat([whole, Buffer.of(0)]))).code, 'WORKFLOW_SYNTAX');
  const bomb = Buffer.concat([
    Buffer.of(0xa1, 0x65),
    Buffer.from('tasks'),
    Buffer.of(0x9a, 0x00, 0x90, 0x00, 0x00),
    Buffer.alloc(0x900000, 0x80),
  ]);
  assert.equal((await errorOf(bomb)).code, 'WORKFLOW_TOO_LARGE');
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      assert.match((await errorOf(bytes)).code, /^WORKFLOW_/);
    }),
  );
});

test('a file is DAG-CBOR by its first byte, or by its name', () => {
  const bytes = encode(decode(TEXT));
  assert.ok(isCbor(bytes, '-') && isCbor(Buffer.from('x'), 'a.cbor'));
  for (const text of ['{"tasks":[]}', 'tasks: {}', '', '\uFEFFtasks', 'ä', '☃']) assert.ok(!isCbor(Buffer.from(text), 'flow'), text);
});
