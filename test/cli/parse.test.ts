import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Command, helpText } from '../../src/cli/command.ts';
import { parse } from '../../src/cli/parse.ts';
import { isDocketError } from '../../src/errors.ts';

const COMMAND: Command = {
  summary: 'Does it.',
  usage: 'FILE [MORE]',
  words: [1, 2],
  options: {
    out: { type: 'value', value: 'DIR', help: 'where' },
    env: { type: 'value', value: 'K=V', many: true, help: 'what' },
    force: { type: 'flag', short: 'f', help: 'anyway' },
  },
  run: () => Promise.resolve(0),
};
const KEEPS_REST: Command = { ...COMMAND, rest: true, tooMany: 'They stand after `--`.' };

function refusal(args: readonly string[], command = COMMAND): string {
  try {
    parse('do', command, args);
  } catch (error) {
    assert.ok(isDocketError(error, 'USAGE'));
    assert.notEqual(error.next, '');
    return error.message;
  }
  return assert.fail('it was taken');
}

test('options stand anywhere, with their value behind them or behind an equals sign', () => {
  const call = parse('do', COMMAND, ['--out', 'dir', 'a', '-f', '--env=A=1', 'b', '--env', 'B=']);
  assert.deepEqual(call.words, ['a', 'b']);
  assert.deepEqual([call.value('out'), call.values('env'), call.flag('force'), call.flag('json')], ['dir', ['A=1', 'B='], true, false]);
  assert.equal(call.rest, undefined);
});

test('after `--` everything is a word, or kept apart for a command that passes words on', () => {
  assert.deepEqual(parse('do', COMMAND, ['--', '--out', '-']).words, ['--out', '-']);
  const { words, rest, flag } = parse('do', KEEPS_REST, ['m', '--', '--json', '--', '-x']);
  assert.deepEqual([words, rest, flag('json')], [['m'], ['--json', '--', '-x'], false]);
  assert.deepEqual(parse('do', KEEPS_REST, ['m', '--']).rest, []);
});

test('a lone dash is a word and a value', () => {
  const call = parse('do', COMMAND, ['-', '--out', '-']);
  assert.deepEqual([call.words, call.value('out')], [['-'], '-']);
});

test('what is wrong is named, with the nearest that is right', () => {
  assert.match(refusal(['a', '--fource']), /no option --fource \(did you mean "--force"\?\)/);
  assert.doesNotMatch(refusal(['a', '--zzz']), /did you mean/);
  assert.match(refusal(['a', '--__proto__']), /no option --__proto__/);
  assert.match(refusal(['a', '-z']), /no option -z/);
  assert.match(refusal(['a', '--out']), /--out needs a value: --out DIR/);
  assert.match(refusal(['a', '--out', '']), /--out needs a value/);
  assert.match(refusal(['a', '--out=']), /--out needs a value/);
  assert.match(refusal(['a', '--out', '--json']), /write --out=--json/);
  assert.equal(parse('do', COMMAND, ['a', '--out=--json']).value('out'), '--json');
  assert.match(refusal(['a', '--force=yes']), /--force takes no value/);
  assert.match(refusal(['a', '--out', 'x', '--out', 'y']), /--out is given twice/);
  assert.match(refusal([]), /needs FILE \[MORE\]/);
  assert.match(refusal(['a', 'b', 'c']), /takes no "c"/);
  assert.match(refusal(['a', '']), /takes no empty word/);
});

test('help is given whatever else is missing, but not whatever else is wrong', () => {
  assert.ok(parse('do', COMMAND, ['--help']).flag('help'));
  assert.ok(parse('do', COMMAND, ['-fh']).flag('help'));
  assert.match(refusal(['--help', '--nope']), /--nope/);
});

test('whatever the arguments are: words, options or USAGE', () => {
  const argument = fc.oneof(
    fc.constantFrom('--out', '--env', '--force', '-f', '--', '-', '--json', '--out=x', '--=', '---', '-fh', ''),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), fc.boolean(), (args, keeps) => {
      try {
        const { words, rest } = parse('do', keeps ? KEEPS_REST : COMMAND, args);
        for (const word of [...words, ...(rest ?? [])]) assert.ok(args.includes(word), 'no word is made up');
      } catch (error) {
        assert.ok(isDocketError(error, 'USAGE'), String(error));
      }
    }),
  );
});

test('help leaves out what the command refuses by itself', () => {
  const text = helpText('do', { ...COMMAND, refuses: ['home'] });
  assert.ok(!text.includes('--home') && text.includes('--json'));
  assert.equal(parse('do', { ...COMMAND, refuses: ['home'] }, ['a', '--home', 'x']).value('home'), 'x', 'for the command to say why');
});

test('help lists each option once, with its placeholder', () => {
  const text = helpText('do', COMMAND);
  for (const line of [
    /^docket do FILE \[MORE\]$/m,
    /^ {2}--out DIR +where$/m,
    /^ {2}--env K=V +what \(may be repeated\)$/m,
    /^ {2}-f, --force +anyway$/m,
    /--home DIR/,
  ]) {
    assert.match(text, line);
  }
});
