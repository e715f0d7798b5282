import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ofValue } from '../../src/ipld/cid.ts';
import * as Agreement from '../../src/scheduler/agreement.ts';
import { parseAgree, type Agree } from '../../src/workflow/agree.ts';

const receipt = ofValue('a receipt');

function vote(issuer: string, output: string): Agreement.Vote {
  return { issuer, output, receipt };
}

function after(agree: Agree, votes: readonly (readonly [issuer: string, output: string | undefined])[]): Agreement.Votes {
  return votes.reduce(
    (all, [issuer, output]) =>
      output === undefined ? Agreement.keepSilent(all, { issuer, why: 'limit/time' }) : Agreement.cast(all, vote(issuer, output)),
    Agreement.none(agree),
  );
}

const agrees = fc
  .tuple(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 16 }))
  .filter(([need, most]) => need <= most && 2 * need > most)
  .map(([need, most]): Agree => ({ need, most }));
const words = fc.array(fc.tuple(fc.constantFrom(...'abcdefgh'), fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined })), {
  maxLength: 24,
});

suite('Agreement', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['2/3', '', 'open'],
    ['2/3', 'ax', 'open'],
    ['2/3', 'ax bx', 'agreed'],
    ['2/3', 'ax ax', 'open'],
    ['2/3', 'ax ay bx', 'agreed'],
    ['2/3', 'ax by', 'open'],
    ['2/3', 'ax by cy', 'agreed'],
    ['2/3', 'ax by cz', 'split'],
    ['2/2', 'ax by', 'split'],
    ['3/3', 'ax by', 'split'],
    ['2/3', 'ax b-', 'open'],
    ['2/3', 'a- b-', 'split'],
    ['1/1', 'ax', 'agreed'],
    ['2/3', 'ax by cx dy', 'split'],
    ['2/3', 'ax by cx dy ex', 'agreed'],
  ];
  for (const [of, said, expected] of rows) {
    test(`${of} after "${said}" is ${expected}`, () => {
      const votes = said === '' ? [] : said.split(' ').map(([issuer, output]) => [issuer!, output === '-' ? undefined : output!] as const);
      assert.equal(Agreement.verdict(after(parseAgree(of)!, votes)).tag, expected);
    });
  }

  test('what is agreed on was said by so many different agents, all others are against, and the order does not matter', () => {
    fc.assert(
      fc.property(agrees, words, (agree, said) => {
        const firsts = said.filter(([issuer], i) => said.findIndex(([other]) => other === issuer) === i);
        const votes = after(agree, said);
        const verdict = Agreement.verdict(votes);
        assert.equal(Agreement.verdict(after(agree, firsts.toReversed())).tag, verdict.tag);
        assert.equal(Agreement.spoken(votes).size, firsts.length);
        if (verdict.tag !== 'agreed') return;
        assert(new Set(verdict.by.map(({ issuer }) => issuer)).size >= agree.need);
        assert.equal(verdict.by.length + verdict.against.length, votes.cast.length);
        assert(verdict.against.every(({ output }) => output !== verdict.output));
      }),
    );
  });

  test('whoever goes on asking is told to stop after as many as may be asked, and not before it is hopeless', () => {
    fc.assert(
      fc.property(agrees, fc.infiniteStream(fc.option(fc.constantFrom('x', 'y'), { nil: undefined })), (agree, outputs) => {
        let votes = Agreement.none(agree);
        let asked = 0;
        for (const output of outputs) {
          if (Agreement.verdict(votes).tag !== 'open') break;
          const issuer = String(asked++);
          votes = output === undefined ? Agreement.keepSilent(votes, { issuer, why: '' }) : Agreement.cast(votes, vote(issuer, output));
        }
        assert(asked <= agree.most);
        const best = Math.max(0, ...['x', 'y'].map((one) => votes.cast.filter(({ output }) => output === one).length));
        const isAgreed = Agreement.verdict(votes).tag === 'agreed';
        assert.equal(isAgreed, best >= agree.need);
        if (!isAgreed) assert(best + agree.most - asked < agree.need);
      }),
    );
  });

  test('what cannot be meant is not read', () => {
    for (const text of ['', '2', '0/1', '3/2', '1/2', '2/4', '2/3/4', '17/17', ' 2/3', '02/3', '1e0/1'])
      assert.equal(parseAgree(text), undefined, text);
    assert.deepEqual(parseAgree('16/16'), { need: 16, most: 16 });
  });
});
