import { accessSync, constants } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DocketError } from '../../errors.ts';
import { Child } from './child.ts';

/** Where packages put it that is not on every user's path. */
const USUAL = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
const NAME = 'nats-server';
/** How long it may take to say where it listens, in ms. */
const STARTUP = 20_000;
const LOOK = 20;

/** Throws `NATS_SERVER_MISSING`. */
export function findNatsServer(path: string | undefined, usual: readonly string[] = USUAL): string {
  const folders = [...(path ?? '').split(delimiter).filter(isAbsolute), ...usual];
  const found = folders.map((folder) => join(folder, NAME)).find(isExecutable);
  if (found !== undefined) return found;
  throw new DocketError('NATS_SERVER_MISSING', 'nats-server, which carries a mesh, is neither on the PATH nor in /usr/sbin');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

interface Place {
  readonly file: string;
  /** Its configuration and data; made if it is not there. */
  readonly folder: string;
  readonly onLine: (line: string) => void;
  readonly onEnd: (how: string) => void;
  readonly signal: AbortSignal;
}

/** With JetStream, on loopback, at any port that is free. Throws `DEV_FAILED`, the signal's reason. */
export async function startNats({ file, folder, onLine, onEnd, signal }: Place): Promise<NatsServer> {
  await mkdir(folder, { recursive: true });
  // Of one that was killed.
  for (const name of await readdir(folder)) if (name.endsWith('.ports')) await rm(join(folder, name), { force: true });
  const config = join(folder, 'nats.conf');
  const lines = [
    'server_name: docket-dev',
    'listen: "127.0.0.1:-1"',
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, 'data'))} }`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  await using stack = new AsyncDisposableStack();
  const child = stack.use(new Child({ file, args: ['-c', config], env: process.env, onLine, onEnd }));
  const url = await urlOf(join(folder, `${NAME}_${child.pid}.ports`), child, signal);
  const held = stack.move();
  return { url, pid: child.pid, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function urlOf(ports: string, child: Child, signal: AbortSignal): Promise<string> {
  for (let waited = 0; waited < STARTUP && !child.isOver; waited += LOOK) {
    const text = await readFile(ports, 'utf8').catch(() => '');
    const [url] = text.trim() === '' ? [] : ((JSON.parse(text) as { nats?: readonly string[] }).nats ?? []);
    if (url !== undefined) return url;
    await sleep(LOOK, undefined, { signal });
  }
  throw new DocketError('DEV_FAILED', `${NAME} did not start`);
}
