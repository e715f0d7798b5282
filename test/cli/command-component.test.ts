import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { adapted } from '../commands.ts';
import { startAgent } from './agent-process.ts';
import { guest, Place } from './helpers.ts';

/** Command components wherever a command is taken: `docket exec`, workflows, named modules, agents. */

const TOOL = 'namespace = "org.example"\nname = "echo"\nversion = "1"\nbinary = "echo.wasm"\ndescription = ""\n';

let place: Place;
before(async () => {
  place = new Place();
  for (const name of ['echo', 'count-words', 'exit']) place.write(`${name}.wasm`, await adapted(readFileSync(guest(name))));
});
after(() => place[Symbol.dispose]());

test('docket exec runs one, with stdin, files and exit status, and reuses its result', async () => {
  const said = await place.docket(['exec', './echo.wasm', '--stdin', '-'], { stdin: 'hello' });
  assert.deepEqual([said.status, said.stdout], [0, 'hello'], said.stderr);
  const failed = await place.docket(['exec', './exit.wasm', '--', '7']);
  assert.equal(failed.status, 1, 'wasi:cli/exit tells success from failure');
  const again = JSON.parse(await place.out('exec', './echo.wasm', '--json')) as { readonly receipt: string };
  const cached = JSON.parse(await place.out('exec', './echo.wasm', '--json')) as { readonly receipt: string };
  assert.equal(again.receipt, cached.receipt);
});

test('docket inspect says how to run it, and what sockets are for', async () => {
  const shown = await place.out('inspect', './echo.wasm');
  assert.match(shown, /^kind {4}component\n/);
  assert.match(shown, /\n {2}wasi:cli\/run@0\.2\.\d+#run: func\(\) -> result\n/);
  assert.match(shown, /\n {2}wasi:filesystem\/types@0\.2\.\d+ {2}\[offered\]\n/);
  assert.match(shown, /\nrun it as a command:\n {2}docket exec \.\/echo\.wasm -- ARGS\n/);
  const { call } = JSON.parse(await place.out('inspect', './echo.wasm', '--json')) as { readonly call: unknown };
  assert.deepEqual(call, { op: 'wasi/run' });
});

test('a workflow runs it as a task like others', async () => {
  place.write(
    'w.yaml',
    `docket: 1
tasks:
  first: { module: echo.wasm, stdin: "the cat the dog" }
  second: { module: count-words.wasm, stdin: { from: first, at: /stdout } }
outputs:
  said: { from: second, at: /stdout }
`,
  );
  const { stdout, stderr, status } = await place.docket(['run', 'w.yaml']);
  assert.equal(status, 0, stderr);
  place.write(
    'core.yaml',
    readFileSync(place.at('w.yaml'), 'utf8').replace('echo.wasm', guest('echo')).replace('count-words.wasm', guest('count-words')),
  );
  assert.equal(stdout, (await place.docket(['run', 'core.yaml'])).stdout);
  assert.match((await place.docket(['run', 'w.yaml'])).stderr, /2 cached/);
});

test('a name is given to it, and an agent runs it by that', async () => {
  await place.out('manifest', 'push', place.write('echo.toml', TOOL));
  assert.equal((await place.docket(['exec', 'org.example.echo'], { stdin: 'by name' })).stdout, 'by name');
  await using agent = await startAgent(place);
  const headers = { authorization: `Bearer ${agent.token}` };
  const answer = await fetch(`${agent.url}/v1/jobs/org.example.echo/run`, { method: 'POST', headers, body: 'over http' });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), 'over http');
});

test('what cannot be run says why', async () => {
  const asked = `${TOOL.replace('name = "echo"', 'name = "other"')}required_permissions = ["extension:fib"]\n`;
  await place.out('manifest', 'push', place.write('other.toml', asked));
  const refused = await place.docket(['exec', 'org.example.other', '--grant', 'extension:fib']);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /component, where a core module is needed/);
});
