import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { guest, MAIN, Place } from './helpers.ts';

/** More connections than an agent has descriptors for. */

const DESCRIPTORS = 256;
const CONNECTIONS = 400;

test('connections that ask for nothing take no descriptor from the work', async () => {
  using place = new Place();
  place.write('slow.yaml', `tasks:\n  slow: { each: [1, 2], module: ${guest('loop')}, args: ["\${item}"], limits: { time: 1500ms } }\n`);
  const command = `ulimit -n ${DESCRIPTORS} && exec "$@"`;
  const args = ['-c', command, 'bash', process.execPath, MAIN, 'agent', '--listen', '127.0.0.1:0', '--slots', '1'];
  const agent = spawn('bash', args, { env: { ...process.env, DOCKET_HOME: place.home }, stdio: ['ignore', 'ignore', 'pipe'] });
  const sockets: Socket[] = [];
  try {
    const lines = createInterface({ input: agent.stderr })[Symbol.asyncIterator]();
    const { url } = JSON.parse((await lines.next()).value as string) as { url: string };
    const run = (await place.out('run', 'slow.yaml', '--detach')).trim();
    const watching = place.docket(['watch', run, '--json']);
    const { port, hostname } = new URL(url);
    const settled = Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(Number(port), hostname).on('error', () => {});
      sockets.push(socket);
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    });
    await Promise.all(settled);
    const { stdout } = await watching;
    const { state, errors } = JSON.parse(stdout) as { state: string; errors: { code: string }[] };
    assert.deepEqual([state, errors.map(({ code }) => code)], ['failed', ['limit/time', 'limit/time']]);
    for (const socket of sockets.splice(0)) socket.destroy();
    assert.equal((await place.docket(['show', run])).status, 0);
    assert.equal(agent.exitCode, null, 'the agent lives');
  } finally {
    for (const socket of sockets) socket.destroy();
    agent.kill('SIGKILL');
    if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
  }
});
