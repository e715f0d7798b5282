import assert from 'node:assert/strict';
import { request } from 'node:http';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Door } from './helpers.ts';

let door: Door;
before(async () => void (door = await Door.open({ anonymous: ['read'], names: ['docket.example'] })));
after(() => door[Symbol.asyncDispose]());

const status = async (method: string, path: string, authorization: string): Promise<number> => {
  const reply = await door.ask(method, path, { headers: { authorization } });
  await reply.text();
  return reply.status;
};

test('the token is a file of its owner', () => {
  assert.equal(statSync(join(door.home, 'token')).mode & 0o777, 0o600);
  assert.match(door.agent.token, /^[A-Za-z0-9_-]{43}$/);
});

test('a right needs the token, as bearer or as password, unless anybody has it', async () => {
  const { token } = door.agent;
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  for (const good of [`Bearer ${token}`, `bearer  ${token}`, basic(`anyone:${token}`), basic(`:${token}`)])
    assert.equal(await status('POST', '/v1/storage/data', good), 201, good);
  for (const bad of [
    '',
    'Bearer',
    'Bearer x',
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    token,
    basic(token),
    basic(`${token}:`),
    'Digest x',
    'Basic ===',
  ])
    assert.equal(await status('POST', '/v1/storage/data', bad), 401, bad);
  assert.equal(await status('GET', '/v1/jobs', ''), 200);
  assert.equal(await status('GET', '/v1/jobs', 'Bearer x'), 401, 'a wrong token is worse than none');
  assert.equal(await status('POST', '/v1/jobs/a.b/run', ''), 401);
});

/** `fetch` sets these headers as it likes. */
function raw(headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(door.agent.url);
    request({ port, host: '127.0.0.1', path: '/monitor/ping', headers }, (reply) => {
      reply.resume();
      resolve(reply.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}

test('a page of another site, or one whose name was made to lead here, is refused', async () => {
  const { port } = new URL(door.agent.url);
  for (const host of [`127.0.0.1:${port}`, 'localhost', `[::1]:${port}`, 'DOCKET.example:80']) assert.equal(await raw({ host }), 200, host);
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example']) assert.equal(await raw({ host }), 403, host);
  const host = `127.0.0.1:${port}`;
  assert.equal(await raw({ host, origin: `http://${host}` }), 200);
  for (const origin of ['null', 'https://evil.example', `http://${host}.evil.example`, 'file://'])
    assert.equal(await raw({ host, origin }), 403, origin);
});
