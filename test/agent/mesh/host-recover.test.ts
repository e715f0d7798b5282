import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, copyFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { Engine } from '../../../src/agent/engine.ts';
import { invocationOf } from '../../../src/workflow/identify.ts';
import { decode, verify } from '../../../src/receipt/verify.ts';
import { Place } from '../helpers.ts';
import { endless, Hosting } from './hosting.ts';

const PROGRAM = fileURLToPath(new URL('host-process.ts', import.meta.url));

/** A home whose agent was killed while it ran a task of another. */
async function killed(place: Place): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, place.paths.home], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8');
  let said = '';
  for await (const text of child.stdout) if ((said += text as string).includes('running')) break;
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  assert.match(said, /running/);
}

suite('when an agent is killed while it runs tasks of others', () => {
  test('what was with a runner gets its crash receipt when the home is opened again; what ended or had not begun does not', async () => {
    using place = new Place();
    await killed(place);
    assert.equal(place.receipts().length, 1);
    {
      await using engine = await place.open();
      assert.equal(existsSync(engine.paths.hosted), false);
    }
    const [ended, ...crashed] = place.receipts();
    assert.equal(ended?.tag, 'ok');
    assert.deepEqual(
      crashed.map(({ code, attempt }) => [code, attempt]),
      [
        ['lost', 7],
        ['lost', 8],
      ],
    );
    for (const { bytes } of crashed) assert.deepEqual(verify(bytes), []);
    assert.ok(decode(crashed[0]!.bytes).receipt.ran.equals(invocationOf(endless().work)));
    await using _ = await place.open();
    assert.equal(place.receipts().length, 3, 'and once only');
    await place.slotsGone([]);
  });

  test('who is killed after the receipts were committed, and before the journal went, issues no others', async () => {
    using place = new Place();
    await killed(place);
    const copy = place.at('journal');
    copyFileSync(place.paths.hosted, copy);
    await (await place.open())[Symbol.asyncDispose]();
    copyFileSync(copy, place.paths.hosted);
    await using _ = await place.open();
    assert.equal(place.receipts().length, 3);
    await place.slotsGone([]);
  });

  test('what is broken in the journal costs what follows it, and no start', async () => {
    using place = new Place();
    await killed(place);
    appendFileSync(place.paths.hosted, Buffer.from([9, 0, 0, 0, 1, 2, 3]));
    await using _ = await place.open();
    assert.equal(place.receipts().length, 3);
    await place.slotsGone([]);
  });

  test('an agent that lives is left alone, also by commands on its home, and no other hosts there', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([endless()]);
    await coordinator.state('running');
    await using engine = await Engine.open({ home: hosting.place.paths.home });
    assert.equal(existsSync(engine.paths.hosted), true);
    assert.deepEqual(hosting.place.receipts(), []);
    await assert.rejects(Hosting.open({}, hosting.place), { code: 'AGENT_BUSY' });
    coordinator.withdraw([{ task: 0, attempt: 1 }]);
    await coordinator.end();
    assert.equal(hosting.place.receipts().length, 1);
  });
});
