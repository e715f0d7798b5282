// Runs a workflow over Homestar's port of an agent and prints its receipts as they come.
//
//   docket agent --homestar-port 1337
//   docket store put build/guests/numeric.wasm          # prints a CID: the workflow names its module as ipfs://CID
//   node watch.mjs ws://127.0.0.1:1337 workflow.json NAME

import { readFileSync } from 'node:fs';

const [url, file, name = 'example'] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node watch.mjs WS-URL WORKFLOW.json [NAME]');
  process.exit(2);
}

// Node has one of its own from 22 on.
const { WebSocket } = globalThis.WebSocket === undefined ? await import('ws') : globalThis;
const socket = new WebSocket(url);
const fail = (message) => {
  console.error(message);
  process.exit(1);
};

socket.addEventListener('open', () => {
  // As it stands in the file: to parse it and write it again would make 1 of 1.0, which is another workflow.
  const workflow = readFileSync(file, 'utf8');
  const params = `[{"name":${JSON.stringify(name)},"workflow":${workflow}}]`;
  socket.send(`{"jsonrpc":"2.0","id":1,"method":"subscribe_run_workflow","params":${params}}`);
});
socket.addEventListener('error', () => fail(`cannot reach ${url}`));
socket.addEventListener('close', () => fail('the connection was closed'));

socket.addEventListener('message', ({ data }) => {
  const { error, method, params } = JSON.parse(data);
  if (error !== undefined) fail(`${error.message}: ${error.data?.message ?? ''}`);
  if (method === 'subscribe_run_workflow') {
    const { metadata, receipt } = JSON.parse(Buffer.from(params.result).toString());
    const out = JSON.stringify(receipt.out);
    console.log(
      `${metadata.replayed ? 'found' : 'ran  '} ${receipt.meta.op} ${out.length > 300 ? `${out.slice(0, 60)}… (${out.length} characters)` : out}`,
    );
  }
  // Homestar itself does not say when it is done.
  if (method === 'docket_run_event' && params.event === 'ended') {
    console.log(params.state);
    process.exit(params.state === 'completed' ? 0 : 1);
  }
});
