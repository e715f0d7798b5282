import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../scripts/run-command.ts';
import { mapConcurrent } from '../../src/base/limit-concurrency.ts';
import { Place } from './helpers.ts';

/** What the program says of itself, and to who calls it wrongly. None of it needs or makes a home. */

const COMMANDS = ['run', 'exec', 'resume', 'cancel', 'runs', 'show', 'logs', 'why', 'cid', 'receipt', 'store'];

let place: Place;
before(() => void (place = new Place()));
after(() => {
  assert.throws(() => readFileSync(join(place.home, 'format')), 'no home was made');
  place[Symbol.dispose]();
});

test('an overview on request on stdout, without a command on stderr with status 2', async () => {
  const [bare, help, flag] = await Promise.all([place.docket([]), place.docket(['help']), place.docket(['--help'])]);
  assert.deepEqual([bare.status, bare.stdout, help.status, help.stderr], [2, '', 0, '']);
  assert.deepEqual([bare.stderr, flag.stdout], [help.stdout, help.stdout]);
  for (const command of COMMANDS) assert.match(help.stdout, new RegExp(`^  ${command} +[A-Z].*\\.$`, 'm'));
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  assert.deepEqual(await Promise.all(['--version', '-V', 'version'].map((word) => place.out(word))), Array<string>(3).fill(`${version}\n`));
});

test('each command teaches: usage, options, more', async () => {
  await mapConcurrent(COMMANDS, 4, async (command) => {
    const text = await place.out(command, '--help');
    assert.match(text, new RegExp(`^docket ${command} `));
    for (const option of ['--home DIR', '--json', '--help']) assert.ok(text.includes(option), `${command} ${option}`);
    for (const line of text.split('\n')) assert.ok(line.length <= 160, line);
  });
  assert.equal(await place.out('help', 'store'), await place.out('store', '-h'));
});

test('words that are not known suggest the nearest, and everything wrong has status 2 and says what to do', async () => {
  const wrong: readonly (readonly [said: RegExp, ...args: string[]])[] = [
    [/there is no command "stroe" \(did you mean "store"\?\)/, 'stroe'],
    [/there is no command "constructor"/, 'constructor'],
    [/there is no command "nope"/, 'help', 'nope'],
    [/the command comes first.*not "--home"/, '--home', 'x', 'runs'],
    [/docket run: there is no option --forse \(did you mean "--force"\?\)/, 'run', 'x', '--forse'],
    [/docket run: needs FILE/, 'run'],
    [/docket run: --slots takes a whole number of at least 1, not "0"/, 'run', 'x.yaml', '--slots', '0'],
    [/docket run: --slots takes.*not "1.5"/, 'run', 'x.yaml', '--slots=1.5'],
    [/docket runs: --limit takes/, 'runs', '--limit', 'many'],
    [/docket runs: takes no "last"/, 'runs', 'last'],
    [/docket show: needs RUN\|CID/, 'show'],
    [/docket why: needs RUN TASK/, 'why', 'last'],
    [/docket store: needs put\|get/, 'store'],
    [/docket store: takes put, .*not "vrify" \(did you mean "verify"\?\)/, 'store', 'vrify'],
    [/docket store: wrong number of words: docket store get CID PATH/, 'store', 'get'],
    [/docket store: --force goes with get/, 'store', 'ls', '--force'],
    [/docket store: cat prints the blob itself/, 'store', 'cat', 'x', '--json'],
    [/docket receipt: takes show or verify, not "verfy" \(did you mean "verify"\?\)/, 'receipt', 'verfy', 'x'],
    [/docket cid: --input takes NAME=VALUE, not "top"/, 'cid', 'x', '--input', 'top'],
  ];
  await mapConcurrent(wrong, 4, async ([said, ...args]) => {
    const { status, stdout, stderr } = await place.docket(args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, said);
    assert.match(stderr, /^docket.* \[USAGE\]\n {2}\S.*\n$/, 'one line what, one line what to do');
    assert.equal(stdout.split('\n').length, args.includes('--json') ? 2 : 1);
  });
});
