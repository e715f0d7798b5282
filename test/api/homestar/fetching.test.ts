import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { fetchPolicy, parseFetch } from '../../../src/agent/resources/fetch-policy.ts';
import { encode as toJson } from '../../../src/ipld/dag-json.ts';
import type { Ipld } from '../../../src/ipld/value.ts';
import { hostOf, send } from '../../agent/resources/helpers.ts';
import { HostileServer } from '../../store/hostile-server.ts';
import { module } from '../helpers.ts';
import { HomestarPort } from './helpers.ts';

/** Workflows over Homestar's port whose modules lie elsewhere. */

before(buildGuests);

test('a client is told what could be run, and how it ended, though one module cannot be had', async () => {
  await using server = await HostileServer.open((request, response) => {
    if (request.url === '/numeric.wasm') send(response, module('numeric'));
    else response.writeHead(404).end();
  });
  const policy = fetchPolicy([parseFetch(hostOf(server))!], []);
  await using port = await HomestarPort.open({ fetch: { policy, gateways: [] } });
  const good = port.task('add', [1, 2], { rsc: `${server.url}/numeric.wasm` });
  const bad = port.task('add', [3, 4], { rsc: `${server.url}/gone.wasm` });
  const client = await port.client();
  const workflow: Ipld = { tasks: [good, bad] };
  const id = await client.run(JSON.parse(toJson({ name: 'away', workflow })));
  const ended = await client.ended();
  assert.equal(ended['state'], 'failed');
  const outs = client.receipts(id).map(({ receipt }) => receipt.out[0]);
  assert.deepEqual(outs.toSorted(), ['error', 'ok']);
});
