import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Engine } from '../../src/agent/engine.ts';
import { generateSeed, keyOf } from '../../src/ipld/identity.ts';
import { issue, sign } from '../../src/receipt/issue.ts';
import type { Outcome } from '../../src/receipt/outcome.ts';
import { outcomeOf } from '../../src/receipt/out.ts';
import { decodeAs } from '../../src/receipt/verify.ts';
import { guest, Place } from './helpers.ts';

/** What \`docket why\` and \`docket show\` tell of work about which agents disagree, and of work that nobody could do. */

let place: Place;
before(() => {
  place = new Place();
  place.write(
    'workflow.yaml',
    `tasks:
  voted: { module: '${guest('noop')}' }
  nowhere: { module: '${guest('noop')}', nonce: n, needs: { tags: { gpu: h100 } } }
`,
  );
});
after(() => place[Symbol.dispose]());

test('receipts of others that say something else are named, and a task that nobody could run was not run', async () => {
  const run = await place.docket(['run', place.at('workflow.yaml'), '--json']);
  assert.equal(run.status, 1, run.stderr);
  const [other, second] = [keyOf(generateSeed()), keyOf(generateSeed())];
  let cid: string;
  let agreeing: string;
  {
    await using engine = await Engine.open({ home: place.home });
    const [row] = [...engine.ledger.runTasks((JSON.parse(run.stdout) as { run: string }).run)].filter(({ label }) => label === 'voted');
    const stored = engine.ledger.receipt(row!.receipt!)!;
    const { ran: invocation, meta, out } = decodeAs(row!.receipt!, stored.bytes)!;
    const say = async (by: typeof other, outcome: Outcome): Promise<string> => {
      const issued = issue({ invocation, meta: { ...meta, agent: by.did }, issuer: by.did, outcome });
      const bytes = await sign(issued.r, by);
      await engine.ledger.commit([{ kind: 'receipt', cid: issued.cid, instruction: meta.instruction, invocation, bytes, at: 1 }]);
      return issued.cid.toString();
    };
    cid = await say(other, { tag: 'ok', value: 'a lie' });
    agreeing = await say(second, outcomeOf(out));
  }
  const why = await place.out('why', 'last', 'voted');
  assert.match(why, new RegExp(`1 receipt of the same work disagrees:\\n +${cid} by ${other.did} says another output`));
  assert.match(why, new RegExp(`1 other agent says that the same came out:\\n +${second.did}, receipt ${agreeing}`));
  const { dissents, assents } = await place.json<{ dissents: unknown; assents: unknown }>('why', 'last', 'voted');
  assert.deepEqual(dissents, [{ receipt: cid, issuer: other.did, failure: null }]);
  assert.deepEqual(assents, [{ receipt: agreeing, issuer: second.did }]);
  assert.match(await place.out('why', 'last', 'nowhere'), /^nowhere was not run, and has failed: it cannot be run here, .*no tag gpu/);
  assert.match(await place.out('show', 'last'), /nowhere +failed +not run/);
});
