import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instructionCid, type Json, type TaskForm, workflowCid } from './judge.ts';

/** The judge itself, held against CIDs that Homestar's own tests name, at its head. */

const rsc = 'ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq';

function tasks(meta: string, calls: readonly (readonly [func: string, args: Json, nnc?: Json])[]): TaskForm[] {
  return calls.map(([func, args, nnc = '']) => ({
    cause: null,
    meta: JSON.parse(meta) as TaskForm['meta'],
    prf: [],
    run: { rsc, op: 'wasm/run', input: { func, args }, nnc },
  }));
}

const FUELLED = '{"fuel":18446744073709552000,"memory":4294967296,"time":100000}';
const FUELLESS = '{"memory":4294967296,"time":100000}';
const ok = (cid: string): Json => [{ 'await/ok': { '/': cid } }];

const ADD_ONE = 'bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du';
const NONCED_1 = 'bafyrmigh2n5i4iyl6mcfssv7lzx6yalwyslszngacuo3iw3mr3fgl3sopa';
const NONCED_2 = 'bafyrmiasmpmbcnvm2mgmk772wy2mmioxmlhu7zndmphy5rw2xssuh2fwle';
const CROP = 'bafyrmib46dl7oaksq4fo4oyvcqewe7ojybgchufmrpjovqto3wovsq5jjq';
const ROTATE = 'bafyrmiekrfvz5lglddmnkm2l2tia43tagziokpamjipleen7spxizchxbu';

test('workflows and instructions have the CIDs that Homestar asserts', () => {
  const addOne = tasks(FUELLED, [
    ['add_one', [1]],
    ['add_one', ok(ADD_ONE)],
  ]);
  assert.equal(instructionCid(addOne[0]!), ADD_ONE);
  assert.equal(workflowCid(addOne), 'bafyrmialnbzgwscjrq7sa3kdnw2roqdrdzp7xh2tvmo37qmgvarwrhcgre');
  const nonced = tasks(FUELLED, [
    ['add_one', [1], '1sod60ml6g26mfhsrsa0'],
    ['add_one', ok(NONCED_1), { '/': { bytes: 'oVI8XiFiec+c2XHS' } }],
    ['add_one', ok(NONCED_2)],
  ]);
  assert.deepEqual(nonced.slice(0, 2).map(instructionCid), [NONCED_1, NONCED_2]);
  assert.equal(workflowCid(nonced), 'bafyrmibajjtwrcqrntnvp5fgkim6mbbsh6ykkdy3eijq2ycdjhlisxxx3i');
  const image = tasks(FUELLESS, [
    ['crop', [{ '/': 'bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm' }, 150, 350, 500, 500]],
    ['rotate90', ok(CROP)],
    ['grayscale', ok(ROTATE)],
  ]);
  assert.deepEqual(image.slice(0, 2).map(instructionCid), [CROP, ROTATE]);
  assert.equal(workflowCid(image), 'bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq');
});
