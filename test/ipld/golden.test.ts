import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ofValue, parse } from '../../src/ipld/cid.ts';
import * as DagJson from '../../src/ipld/dag-json.ts';
import { Float, isList, isMap, type Ipld } from '../../src/ipld/value.ts';

/** CIDs that Homestar 0.3 asserts in its own tests for its own workflow files. Ours must be the same, bit for bit. */

const ADD_ONE = 'bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du';
const NONCED_1 = 'bafyrmigh2n5i4iyl6mcfssv7lzx6yalwyslszngacuo3iw3mr3fgl3sopa';
const NONCED_2 = 'bafyrmiasmpmbcnvm2mgmk772wy2mmioxmlhu7zndmphy5rw2xssuh2fwle';
const CROP = 'bafyrmib46dl7oaksq4fo4oyvcqewe7ojybgchufmrpjovqto3wovsq5jjq';
const ROTATE = 'bafyrmiekrfvz5lglddmnkm2l2tia43tagziokpamjipleen7spxizchxbu';

const rsc = 'ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq';

function run(func: string, args: readonly Ipld[], nnc: string | Uint8Array = ''): Ipld {
  return { input: { args, func }, nnc, op: 'wasm/run', rsc };
}

function awaitOk(instruction: string): Ipld {
  return { 'await/ok': parse(instruction) };
}

/** 2^64, which upstream's parser turns into a float. */
const fuelled: Ipld = { fuel: new Float(18446744073709552000), memory: 4294967296, time: 100000 };
const fuelless: Ipld = { memory: 4294967296, time: 100000 };

function workflow(meta: Ipld, runs: readonly Ipld[]): Ipld {
  return { tasks: runs.map((instruction) => ({ cause: null, meta, prf: [], run: instruction })) };
}

const addOne = [run('add_one', [1]), run('add_one', [awaitOk(ADD_ONE)])];
const nonced = [
  run('add_one', [1], '1sod60ml6g26mfhsrsa0'),
  run('add_one', [awaitOk(NONCED_1)], Uint8Array.fromBase64('oVI8XiFiec+c2XHS')),
  run('add_one', [awaitOk(NONCED_2)]),
];
const image = [
  run('crop', [parse('bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm'), 150, 350, 500, 500]),
  run('rotate90', [awaitOk(CROP)]),
  run('grayscale', [awaitOk(ROTATE)]),
];

/** As upstream writes it: keys in its order, numbers as it has them. */
function document(meta: string, runs: readonly { readonly func: string; readonly args: string; readonly nnc: string }[]): string {
  const tasks = runs.map(
    ({ func, args, nnc }) =>
      `{ "cause": null, "meta": ${meta}, "prf": [], "run": { "input": { "args": ${args}, "func": "${func}" }, "nnc": ${nnc}, "op": "wasm/run", "rsc": "${rsc}" } }`,
  );
  return `{ "tasks": [ ${tasks.join(', ')} ] }`;
}

const awaitText = (instruction: string): string => `[ { "await/ok": { "/": "${instruction}" } } ]`;
const fuelledText = '{ "fuel": 18446744073709552000, "memory": 4294967296, "time": 100000 }';
const fuellessText = '{ "memory": 4294967296, "time": 100000 }';

const VECTORS = [
  {
    name: 'add-one',
    cid: 'bafyrmialnbzgwscjrq7sa3kdnw2roqdrdzp7xh2tvmo37qmgvarwrhcgre',
    instructions: [ADD_ONE, undefined],
    value: workflow(fuelled, addOne),
    text: document(fuelledText, [
      { func: 'add_one', args: '[1]', nnc: '""' },
      { func: 'add_one', args: awaitText(ADD_ONE), nnc: '""' },
    ]),
  },
  {
    name: 'add-one-nonced',
    cid: 'bafyrmibajjtwrcqrntnvp5fgkim6mbbsh6ykkdy3eijq2ycdjhlisxxx3i',
    instructions: [NONCED_1, NONCED_2, undefined],
    value: workflow(fuelled, nonced),
    text: document(fuelledText, [
      { func: 'add_one', args: '[1]', nnc: '"1sod60ml6g26mfhsrsa0"' },
      { func: 'add_one', args: awaitText(NONCED_1), nnc: '{ "/": { "bytes": "oVI8XiFiec+c2XHS" } }' },
      { func: 'add_one', args: awaitText(NONCED_2), nnc: '""' },
    ]),
  },
  {
    name: 'image-pipeline',
    cid: 'bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq',
    instructions: [CROP, ROTATE, undefined],
    value: workflow(fuelless, image),
    text: document(fuellessText, [
      { func: 'crop', args: '[ { "/": "bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm" }, 150, 350, 500, 500 ]', nnc: '""' },
      { func: 'rotate90', args: awaitText(CROP), nnc: '""' },
      { func: 'grayscale', args: awaitText(ROTATE), nnc: '""' },
    ]),
  },
];

function instructionsOf(value: Ipld): Ipld[] {
  assert(isMap(value) && isList(value.tasks));
  return value.tasks.map((task) => {
    assert(isMap(task) && task.run !== undefined);
    return task.run;
  });
}

suite("Homestar's CIDs", () => {
  for (const { name, cid, instructions, value, text } of VECTORS) {
    for (const [how, made] of [
      ['from values', value],
      ['from DAG-JSON text', DagJson.decode(text)],
    ] as const) {
      test(`${name} ${how}`, () => {
        assert.equal(ofValue(made).toString(), cid);
        instructionsOf(made).forEach((instruction, i) => {
          if (instructions[i] !== undefined) assert.equal(ofValue(instruction).toString(), instructions[i]);
        });
      });
    }
  }

  test('the resource of release 0.3.0 gives the CIDs of that release', () => {
    const old = {
      input: { args: [1], func: 'add_one' },
      nnc: '',
      op: 'wasm/run',
      rsc: 'ipfs://bafybeia32q3oy6u47x624rmsmgrrlpn7ulruissmz5z2ap6alv7goe7h3q',
    };
    assert.equal(ofValue(old).toString(), 'bafyrmigpfy6vvnfmv2wpsnpjmrn6iurejcjhz2doqdl6cfext27etqvi54');
  });
});
