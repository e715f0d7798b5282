import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { agentOptions, type Config, readConfig } from '../../src/agent/config/config.ts';
import { SETTING_NAMES, variableOf } from '../../src/agent/config/settings.ts';
import { keyLines } from '../../src/agent/config/toml-lines.ts';
import { DocketError } from '../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'docket-config-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'agent.toml');
beforeEach(() => rmSync(file, { force: true }));

interface Asked {
  readonly options?: Readonly<Record<string, readonly string[] | true>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly toml?: string;
}

/** With `toml` as the config file of the home. */
function read({ options = {}, env = {}, toml }: Asked): Config {
  if (toml !== undefined) writeFileSync(file, toml);
  return readConfig({
    option: (name) => options[name],
    usage: (message) => new DocketError('USAGE', message),
    env: { DOCKET_HOME: folder, ...env },
    folder: '/here',
  });
}

function refused(asked: Asked, message: RegExp, line?: number): void {
  assert.throws(
    () => read(asked),
    (error: DocketError) => {
      assert.equal(error.code, asked.options === undefined ? 'CONFIG_INVALID' : 'USAGE', error.message);
      assert.match(error.message, message);
      assert.equal(error.place?.line, line, error.message);
      return true;
    },
    JSON.stringify(asked),
  );
}

test('options win over variables, variables over the file, each setting for itself and whole', () => {
  const toml = 'slots = 1\nrate = 1\nmax-runs = 1\nhost = ["file.example"]\n';
  const env = { DOCKET_SLOTS: '2', DOCKET_RATE: '2', DOCKET_HOST: 'a.example,b.example' };
  const { values, origins, file: found } = read({ options: { slots: ['3'] }, env, toml });
  assert.deepEqual(values, { home: folder, slots: 3, rate: 2, 'max-runs': 1, host: ['a.example', 'b.example'] });
  const expected = { home: 'DOCKET_HOME', slots: '--slots', rate: 'DOCKET_RATE', 'max-runs': `${file}:3`, host: 'DOCKET_HOST' };
  assert.deepEqual(origins, expected);
  assert.equal(found, file);
});

test('every setting can be told in each way, and comes to the same', () => {
  const said: Record<string, [text: string, toml: string]> = {
    home: ['/h', '"/h"'],
    listen: ['[::1]:80', '"[::1]:80"'],
    host: ['a.example,[fd00::1]', '["a.example", "[fd00::1]"]'],
    'tls-cert': ['/c.pem', '"/c.pem"'],
    'tls-key': ['/c.key', '"/c.key"'],
    insecure: ['true', 'true'],
    anonymous: ['read,run', '["read", "run"]'],
    allow: ['clock,extension:a.b', '["clock", "extension:a.b"]'],
    slots: ['4', '4'],
    ops: ['wasi/run', '["wasi/run"]'],
    tag: ['zone=a=b,kind=', '{ zone = "a=b", kind = "" }'],
    rate: ['100', '100'],
    'max-runs': ['8', '8'],
    'max-jobs': ['9', '9'],
    otlp: ['http://127.0.0.1:4318', '"http://127.0.0.1:4318"'],
    peer: ['http://b:8100,https://c=/etc/c.token', '["http://b:8100", "https://c=/etc/c.token"]'],
    gateway: ['https://a.example,http://b:8080/base', '["https://a.example", "http://b:8080/base"]'],
    fetch: ['public,files.lan:8080', '["public", "files.lan:8080"]'],
    'max-resource': ['64MiB', '"64MiB"'],
    memory: ['8GiB', '"8GiB"'],
    mesh: ['nats://a:4222,tls://b', '["nats://a:4222", "tls://b"]'],
    'mesh-name': ['lab', '"lab"'],
    creds: ['/n.creds', '"/n.creds"'],
    nkey: ['/n.nk', '"/n.nk"'],
    'mesh-login': ['/n.login', '"/n.login"'],
    'mesh-tls-ca': ['/ca.pem', '"/ca.pem"'],
    'mesh-tls-cert': ['/m.pem', '"/m.pem"'],
    'mesh-tls-key': ['/m.key', '"/m.key"'],
    'mesh-listen': ['10.0.0.5:8101', '"10.0.0.5:8101"'],
    'mesh-advertise': ['a.example,203.0.113.7', '["a.example", "203.0.113.7"]'],
    'mesh-replicas': ['3', '3'],
    'mesh-size': ['results=2GiB,objects=1GB', '{ results = "2GiB", objects = "1GB" }'],
    'mesh-keep': ['results=90d', '{ results = "90d" }'],
    trust: ['listed', '"listed"'],
    agree: ['2/3', '"2/3"'],
    'spot-check': ['1.5%', '"1.5%"'],
    'no-run': ['true', 'true'],
    'no-store': ['true', 'true'],
    'homestar-port': ['1337', '1337'],
    'homestar-origin': ['https://a.example,*', '["https://A.example", "*"]'],
    drain: ['1h30m', '"1h30m"'],
  };
  assert.deepEqual(Object.keys(said).toSorted(), SETTING_NAMES.toSorted(), 'a new setting is tested here too');
  for (const [name, [text, toml]] of Object.entries(said)) {
    const option = read({ options: { [name]: name === 'insecure' ? true : [text] } });
    const variable = read({ env: { [variableOf(name)]: text } });
    const path = join(folder, 'named.toml');
    writeFileSync(path, `${name} = ${toml}\n`);
    const inFile = read({ env: { DOCKET_CONFIG: path, DOCKET_HOME: '' } });
    const key = name as keyof Config['values'];
    assert.notEqual(option.values[key], undefined);
    assert.deepEqual(variable.values[key], option.values[key], name);
    assert.deepEqual(inFile.values[key], option.values[key], name);
    assert.equal(inFile.origins[key], `${path}:1`);
  }
});

test('a value that cannot be is refused where it stands, also if another one holds', () => {
  const wrong: readonly (readonly [name: string, text: string, message: RegExp])[] = [
    ['slots', '0', /slots.* takes a whole number of at least 1, not 0/i],
    ['slots', '1e9', /takes a whole number of at least 1, not "1e9"/],
    ['slots', '1000000', /takes at most 999999, not 1000000/],
    ['slots', '-1', /not "-1"/],
    ['listen', '8100', /takes HOST:PORT, such as 127.0.0.1:8100, not "8100"/],
    ['listen', 'a:65536', /takes HOST:PORT/],
    ['listen', '::1:80', /takes HOST:PORT/],
    ['listen', '[1.2.3.4]:80', /takes HOST:PORT/],
    ['host', 'a.example:80', /takes names without a port/],
    ['host', 'https://a.example', /takes names without a port/],
    ['anonymous', 'raed', /takes some of read, run, write, admin, not "raed" \(did you mean "read"\?\)/],
    ['ops', 'wasi/rum', /did you mean "wasi\/run"/],
    ['ops', 'wasi/run,', /takes some of .*, not ""/],
    ['allow', 'time', /takes permissions such as clock, random, not "time"/],
    ['gateway', 'a.example', /takes addresses as https:/],
    ['gateway', 'https://user:pass@a.example', /https:\/\/…@a.example/],
    ['fetch', 'https://a.example', /takes public, or hosts/],
    ['max-resource', 'much', /takes a size/],
    ['memory', '0', /takes a size of at least 1 byte such as "64MiB", not "0"/],
    ['mesh-size', 'objects=1', /takes sizes such as results=2GiB, of records, results, journals and objects, each at least 1 MiB, not/],
    ['mesh-keep', 'results=1ms', /takes durations such as results=90d, of results, journals and objects, each from 1 h to 36500 d, not/],
    ['tag', 'zone', /takes NAME=VALUE, not "zone"/],
    ['tag', '=a', /takes NAME=VALUE/],
    ['tag', 'a=b,a=c', /has "a" twice/],
    ['tag', 'Zone=a', /takes names of small letters.*not "Zone"/],
    ['tag', `a=${'x'.repeat(257)}`, /takes values of at most 256 characters/],
    ['drain', '30', /takes a duration such as "30s", not "30"/],
  ];
  for (const [name, text, message] of wrong) {
    refused({ options: { [name]: [text] } }, message);
    refused({ options: { [name]: [text] } }, new RegExp(`^--${name} `));
    refused({ env: { [variableOf(name)]: text } }, message);
    refused({ env: { [variableOf(name)]: text } }, new RegExp(`^${variableOf(name)} `));
  }
  refused({ env: { DOCKET_INSECURE: 'yes' } }, /DOCKET_INSECURE takes true or false, not "yes"/);
  assert.throws(() => read({ options: { slots: ['1'] }, env: { DOCKET_SLOTS: 'x' } }), /DOCKET_SLOTS/);
});

test('what is wrong in the file is told with its line', () => {
  refused({ toml: '# c\n\nslts = 1\n' }, /^"slts" is not known \(did you mean "slots"\?\)/, 3);
  refused({ toml: 'tls_cert = "a"\n' }, /did you mean "tls-cert"/, 1);
  refused({ toml: 'config = "a"\n' }, /"config" is not known/, 1);
  refused({ toml: '__proto__ = 1\n' }, /"__proto__" is not known/, 1);
  refused({ toml: 'a.b.c = 1\n' }, /"a" is not known/, 1);
  refused({ toml: 'rate = 1\n[agent]\nslots = 1\n' }, /"agent" is not known/, 2);
  refused({ toml: 'rate = 1\nslots = "2"\n' }, /^"slots" takes a whole number of at least 1, not "2"/, 2);
  refused({ toml: 'slots = 1.5\n' }, /"slots" takes/, 1);
  refused({ toml: 'slots = 2026-01-01\n' }, /"slots" takes/, 1);
  refused({ toml: 'insecure = "true"\n' }, /"insecure" takes true or false, not "true"/, 1);
  refused({ toml: 'host = "a.example"\n' }, /"host" takes names without a port.*, not "a.example"/, 1);
  refused({ toml: 'host = [\n  "a.example",\n  1,\n]\n' }, /"host" takes names/, 1);
  refused({ toml: 'ops = []\n' }, /"ops" takes at least one op/, 1);
  refused({ toml: 'tls-cert = ""\n' }, /"tls-cert" takes a path/, 1);
  refused({ toml: 'tag = ["a=b"]\n' }, /"tag" takes tags: names and their values/, 1);
  refused({ toml: 'rate = 1\n[tag]\nzone = "a"\nkind = 1\n' }, /"tag" takes texts as values/, 4);
  refused({ toml: 'drain = """\n10s"""\nrate = 0\n' }, /"rate"/, 3);
  refused({ toml: 'rate = 1\nrate = 2\n' }, /./, 2);
  refused({ toml: 'rate = \n' }, /./, 1);
  refused({ toml: `#${'x'.repeat(70_000)}` }, /longer than 65536/);
  refused({ toml: 'home = "/x"\n' }, /cannot name another/, 1);
});

test('a file that is named must be there and be text; the one of the home may be absent', () => {
  assert.equal(read({}).file, undefined);
  refused({ env: { DOCKET_CONFIG: join(folder, 'absent.toml') } }, /absent\.toml cannot be read: ENOENT/);
  refused({ env: { DOCKET_CONFIG: folder } }, /cannot be read: EISDIR/);
  writeFileSync(join(folder, 'binary.toml'), Buffer.from([0x61, 0xff]));
  refused({ env: { DOCKET_CONFIG: join(folder, 'binary.toml') } }, /no text in UTF-8/);
});

test('paths start at the file they stand in, else where the command was called', () => {
  const { values } = read({ toml: 'tls-cert = "tls/a.pem"\n', env: { DOCKET_TLS_KEY: 'a.key' } });
  assert.deepEqual([values['tls-cert'], values['tls-key']], [join(folder, 'tls/a.pem'), '/here/a.key']);
});

test('half a certificate is refused', () => {
  assert.throws(() => agentOptions(read({ env: { DOCKET_TLS_KEY: 'a' } })), /a key and no certificate/);
  assert.throws(() => agentOptions(read({ env: { DOCKET_TLS_CERT: 'a' } })), /a certificate and no key/);
});

test('a variable that is misspelt is told; those of others in Docket are not', () => {
  const { warnings } = read({ env: { DOCKET_SLOT: '1', DOCKET_AGENT: 'http://x', SLOTS: '1' } });
  assert.deepEqual(warnings, ['the environment variable DOCKET_SLOT is not known (did you mean "DOCKET_SLOTS"?)']);
});

test('the lines of keys in TOML', () => {
  const text =
    '# a = 1\r\n"b c" = """\na = 1\n"""\nd = [\n  1, # [x]\n  2,\n]\ne.f = 1\n\n[g]\nh = 1\n[g.i]\nj = { k = 1 }\n[[l]]\nm = 1\n';
  assert.deepEqual(Object.fromEntries(keyLines(text)), {
    'b c': 2,
    d: 5,
    e: 9,
    'e/f': 9,
    g: 11,
    'g/h': 12,
    'g/i': 13,
    'g/i/j': 14,
    'g/i/j/k': 14,
    l: 15,
    'l/m': 16,
  });
});

test('peers are addresses, with the file of a token and never a token', () => {
  const peers = ['x', 'ftp://b', 'http://:secret@b', 'http://b?token=x', 'http://b#x', 'http://b=token', 'http://b=./token', 'http://b='];
  for (const peer of peers) refused({ toml: `peer = ["${peer}"]` }, /^"peer" takes addresses as http(?!.*secret)/, 1);
  refused({ toml: 'peer = ["http://b", "http://b/=/t"]' }, /"peer" has a peer twice/, 1);
});

test('the file of a token is closed to others, and its token stays off the network in clear text', () => {
  const path = join(folder, 'b.token');
  const start = (peer: string, more = ''): unknown => agentOptions(read({ toml: `peer = ["${peer}"]\n${more}` })).peers;
  const config = (message: RegExp) => (error: DocketError) =>
    error.code === 'CONFIG_INVALID' && message.test(error.message) && !error.message.includes('sesame');
  assert.throws(() => start(`http://127.0.0.1:1=${path}`), config(/cannot be used: ENOENT/));
  writeFileSync(path, 'sesame\n', { mode: 0o644 });
  assert.throws(() => start(`http://127.0.0.1:1=${path}`), config(/others may read/));
  rmSync(path);
  writeFileSync(path, 'sesame open\n', { mode: 0o600 });
  assert.throws(() => start(`http://127.0.0.1:1=${path}`), config(/does not hold a token/));
  writeFileSync(path, 'sesame\n');
  for (const url of ['http://127.0.0.1:1', 'http://[::1]:1', 'http://localhost:1', 'https://b.example'])
    assert.deepEqual(start(`${url}=${path}`), [{ url, token: 'sesame' }]);
  assert.throws(() => start(`http://b.example=${path}`), config(/clear text/));
  assert.deepEqual(start(`http://b.example=${path}`, 'insecure = true'), [{ url: 'http://b.example', token: 'sesame' }]);
});

test('roles are what was not declined', () => {
  const roles = (toml: string): unknown => agentOptions(read({ toml })).roles;
  assert.deepEqual(roles(''), ['runner', 'storage']);
  assert.deepEqual(roles('no-run = true'), ['storage']);
  assert.deepEqual(roles('no-store = true'), ['runner']);
  assert.deepEqual(roles('no-store = true\nno-run = true'), []);
});

test('how results of others are treated is for agents in a mesh, and means what it says', () => {
  const options = { trust: ['listed'], agree: ['2/3'], 'spot-check': ['1.5%'] };
  assert.throws(
    () => agentOptions(read({ options })),
    (error: DocketError) => error.code === 'CONFIG_INVALID' && /--mesh/.test(error.next),
  );
  const { sharing } = agentOptions(read({ options: { ...options, mesh: ['nats://127.0.0.1:4222'] } }));
  assert.deepEqual(sharing, { mode: 'listed', agree: { need: 2, most: 3 }, spotCheck: 0.015 });
  refused({ options: { trust: ['everybody'] } }, /--trust takes one of members, listed/);
  for (const wrong of ['1/3', '3/2', '2', '']) refused({ options: { agree: [wrong] } }, /--agree takes two numbers/);
  for (const wrong of ['101%', '1', '-1%', 'x%']) refused({ options: { 'spot-check': [wrong] } }, /--spot-check takes a share/);
});
