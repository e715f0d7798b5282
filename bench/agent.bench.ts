import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { ROOT } from '../scripts/run-command.ts';
import { printRow } from './print-row.ts';

/** An agent under load from another process. Peers: bare hono on the same server; `dd conv=fsync`, and reading through a SHA2-256. */

const SECONDS = 4;
const CONNECTIONS = 32;
const MIB = 1024;

const scratch = mkdtempSync(join(tmpdir(), 'docket-bench-'));
const home = join(scratch, 'home');
const env = { ...process.env, DOCKET_HOME: home };
const main = join(ROOT, 'src/cli/main.ts');

async function firstLine(child: ChildProcess, stream: 'stdout' | 'stderr'): Promise<string> {
  const { value } = await createInterface({ input: child[stream]! })[Symbol.asyncIterator]().next();
  return value as string;
}

interface Load {
  readonly method?: string;
  readonly authorization?: string;
  readonly body?: string;
}

/** Requests answered a second. */
function load(url: string, { method = 'GET', authorization = 'none', body = '' }: Load = {}): number {
  const program = join(ROOT, 'bench/load-process.ts');
  const args = [program, url, method, authorization, body, String(CONNECTIONS), String(SECONDS)];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const { rate, failed } = JSON.parse(stdout) as { rate: number; failed: number };
  if (failed > 0) throw new Error(`${failed} requests to ${url} failed`);
  return rate;
}

/** Peak and present resident bytes of a process. */
function resident(pid: number): { readonly peak: number; readonly now: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)![1]) * 1024;
  return { peak: of('VmHWM'), now: of('VmRSS') };
}

const bare = spawn(process.execPath, [join(ROOT, 'bench/bare-server-process.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
writeFileSync(
  join(scratch, 'noop.toml'),
  `namespace = "org.example"\nname = "noop"\nversion = "1"\nbinary = "${join(ROOT, 'build/guests/noop.wasm')}"\ndescription = ""\n`,
);
spawnSync(process.execPath, [main, 'manifest', 'push', join(scratch, 'noop.toml')], { env });
const agent = spawn(process.execPath, [main, 'agent', '--listen', '127.0.0.1:0'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
try {
  const bareUrl = await firstLine(bare, 'stdout');
  const { url } = JSON.parse(await firstLine(agent, 'stderr')) as { url: string };
  const token = readFileSync(join(home, 'token'), 'utf8').trim();
  const authorization = `Bearer ${token}`;
  const headers = { authorization };

  load(`${bareUrl}/monitor/ping`);
  const floor = load(`${bareUrl}/monitor/ping`);
  printRow({ what: 'GET /monitor/ping', value: load(`${url}/monitor/ping`), unit: 'requests/s', floor, target: 25_000 });

  const small = await (await fetch(`${url}/v1/storage/data`, { method: 'POST', headers, body: 'x'.repeat(10_000) })).text();
  const head = load(`${url}/v1/storage/data/${small}`, { method: 'HEAD', authorization });
  printRow({ what: 'HEAD of a blob', value: head, unit: 'requests/s', floor, target: 15_000 });

  const job = `${url}/v1/jobs/org.example.noop/run`;
  await (await fetch(job, { method: 'POST', headers, body: 'the same' })).arrayBuffer();
  const found = load(job, { method: 'POST', authorization, body: 'the same' });
  printRow({ what: 'job that is found', value: found, unit: 'requests/s', floor, target: 2_000 });
  const ran = load(job, { method: 'POST', authorization, body: 'job {n}' });
  printRow({ what: 'job that runs', value: ran, unit: 'requests/s', floor, target: 800 });

  const file = join(scratch, 'file');
  const fd = openSync(file, 'w');
  for (let i = 0; i < MIB; i++) writeSync(fd, randomFillSync(Buffer.alloc(1 << 20)));
  closeSync(fd);
  const rate = async (work: () => unknown): Promise<number> => {
    const began = performance.now();
    await work();
    return (MIB / (performance.now() - began)) * 1000;
  };
  const dd = await rate(() => spawnSync('dd', [`if=${file}`, `of=${join(scratch, 'copy')}`, 'bs=1M', 'conv=fsync']));
  const read = await rate(async () => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  });
  const idle = resident(agent.pid!).now;
  let address = '';
  const put = await rate(async () => {
    const asked = request(`${url}/v1/blobs`, { method: 'POST', headers });
    const answered = once(asked, 'response');
    await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), asked);
    const [reply] = (await answered) as [NodeJS.ReadableStream];
    let text = '';
    for await (const chunk of reply) text += String(chunk);
    address = (JSON.parse(text) as { cid: string }).cid;
  });
  printRow({ what: `blob put, ${MIB} MiB`, value: put, unit: 'MiB/s', floor: dd, target: dd * 0.6 });
  const get = await rate(async () => {
    const asked = request(`${url}/v1/blobs/${address}`, { headers }).end();
    const [reply] = (await once(asked, 'response')) as [AsyncIterable<Buffer>];
    let size = 0;
    for await (const chunk of reply) size += chunk.length;
    if (size !== MIB << 20) throw new Error(`${size} bytes came back`);
  });
  printRow({ what: `blob get, ${MIB} MiB`, value: get, unit: 'MiB/s', floor: read, target: dd * 0.6 });
  printRow({
    what: 'resident above idle, at most',
    value: Math.max(0, resident(agent.pid!).peak - idle) / 2 ** 20,
    unit: 'MiB',
    target: 150,
  });
} finally {
  agent.kill();
  bare.kill();
  await Promise.all([agent, bare].map(async (child) => child.exitCode ?? (await once(child, 'exit'))));
  rmSync(scratch, { recursive: true, force: true });
}
