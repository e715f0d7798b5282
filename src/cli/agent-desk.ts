import { readFile } from 'node:fs/promises';
import { findAgent } from '../agent/find-agent.ts';
import { isLoopback } from '../agent/listening.ts';
import type { Fetched } from '../agent/resources/fetch-file.ts';
import { judgeModule } from '../agent/module-check.ts';
import { DocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import type { Records } from '../protocol/records.ts';
import { outcomeOf } from '../receipt/out.ts';
import { decodeAs } from '../receipt/verify.ts';
import { agentDriver, detachedAt } from '../sdk/agent-driver.ts';
import { followTask } from '../sdk/follow-events.ts';
import { remoteRecords } from '../sdk/remote-records.ts';
import { runJob } from '../sdk/run-job.ts';
import { UploadStore } from '../sdk/upload-store.ts';
import { inputFailure } from '../store/input-file.ts';
import type { AgentDoor } from '../store/agent-call.ts';
import { RemoteStore } from '../store/remote-store.ts';
import type { Call } from './command.ts';
import type { Desk } from './desk.ts';
import { homeOf } from './open-engine.ts';

/** Works at an agent, over its HTTP API; nothing is kept here. Throws `USAGE`. */
export async function openAgentDesk(call: Call, url: string): Promise<Desk> {
  return agentDesk(await doorOf(call, url));
}

export function agentDesk(door: AgentDoor): Desk {
  const store = new UploadStore(new RemoteStore(door));
  const records = remoteRecords(door, store);
  const at = { door, store, records };
  return {
    place: door.url,
    store,
    driver: agentDriver(at),
    importer: {
      store,
      checkModule: checkHere,
      shelf: { store, find: (name) => records.aliases.find(name), file: (name, fetched) => fileThere(records, name, fetched) },
    },
    detached: detachedAt(at),
    followTask: (instruction, signal) => followTask(door, instruction, signal),
    job: (job) => runJob(door, job),
    records: async () => records,
    live: async () => records,
    async firstResult(run) {
      const [task] = (await records.runs.tasks(run, { from: 0, limit: 1 })).tasks;
      const cid = task?.receipt == null ? undefined : Cid.parse(task.receipt);
      const bytes = cid && (await records.receipts.get(cid));
      const receipt = cid && bytes && decodeAs(cid, bytes);
      return receipt && { cid, receipt, outcome: outcomeOf(receipt.out) };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The agent at an address, with the token for it, if there is one. Throws `USAGE`. */
export async function doorOf(call: Call, url: string): Promise<AgentDoor> {
  const token = await tokenFor(call, url);
  if (token !== undefined && isOpen(url))
    call.streams.stderr.write(`docket: the token crosses the network in clear text: ${url} is neither https nor this machine\n`);
  return { url, ...(token === undefined ? {} : { token }) };
}

/** The agent computes the name over the bytes it was sent, and believes nothing else. */
async function fileThere({ aliases }: Records, name: Cid.CID, { blob, isPlain }: Fetched): Promise<void> {
  if (isPlain && (await aliases.name(blob)).equals(name)) return;
  throw new DocketError(
    'RESOURCE_INVALID',
    `${name} is not cut up as \`ipfs add --cid-version 1\` does it, so the agent cannot check what it is sent`,
    {
      next: 'Let the agent fetch it: start it with --gateway, or with --fetch and the host of the URL.',
    },
  );
}

/** The agent judges what it is sent, but knows no paths. */
async function checkHere(_: Cid.CID, name: string, path?: string): Promise<void> {
  if (path !== undefined) await judgeModule(await readFile(path), name);
}

/** Of the file or the variable that hold one; of an agent of our own home, from there. */
async function tokenFor(call: Call, url: string): Promise<string | undefined> {
  const file = call.value('token-file');
  if (file !== undefined) return await readToken(call, file);
  const given = call.env['DOCKET_TOKEN'];
  if (given !== undefined && given !== '') return checkedToken(call, given, 'DOCKET_TOKEN');
  const own = findAgent(homeOf(call));
  return own !== undefined && sameAddress(own.url, url) ? own.token : undefined;
}

async function readToken(call: Call, file: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw inputFailure(error, file);
  }
  return checkedToken(call, text, `--token-file ${file}`);
}

/** It is not said: it may be one after all, and broken. */
function checkedToken(call: Call, text: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw call.usage(`${from} holds no token`);
}

/** Whether others can read what is sent there. */
function isOpen(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'http:' && !isHere(url);
}

/** Whether it is this machine. */
function isHere({ hostname }: URL): boolean {
  return isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

function sameAddress(one: string, other: string): boolean {
  try {
    const [a, b] = [new URL(one), new URL(other)];
    return a.protocol === b.protocol && a.port === b.port && (a.hostname === b.hostname || (isHere(a) && isHere(b)));
  } catch {
    throw new DocketError('USAGE', `"${other}" is not the address of an agent`, { next: 'An address is http://HOST:PORT.' });
  }
}
