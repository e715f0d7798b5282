import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DocketError } from '../../errors.ts';
import { isRecord } from './log-line.ts';
import { Child } from './child.ts';

export interface DevAgent extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly home: string;
  readonly did: string;
  readonly pid: number;
}

interface Wanted {
  readonly name: string;
  readonly home: string;
  readonly mesh: string;
  readonly slots: number;
  /** As of `docket agent`. */
  readonly allow: string | undefined;
  readonly onLine: (line: string) => void;
  readonly onEnd: (how: string) => void;
  readonly signal: AbortSignal;
}

/** Of what the engine of a trial keeps: little, so that it fits on any disk. */
const SIZES = 'records=32MiB,results=256MiB,journals=128MiB,objects=1GiB';

/** An agent of its own process, home and identity. Throws `DEV_FAILED`, the signal's reason. */
export async function startAgent({ name, home, mesh, slots, allow, onLine, onEnd, signal }: Wanted): Promise<DevAgent> {
  const listening = Promise.withResolvers<{ readonly url: string; readonly did: string }>();
  // Nobody may wait any more.
  listening.promise.catch(() => {});
  const abort = (): void => listening.reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  await using stack = new AsyncDisposableStack();
  const granted = allow === undefined ? [] : ['--allow', allow];
  const options = ['--home', home, '--listen', '127.0.0.1:0', '--slots', String(slots), '--tag', `name=${name}`, ...granted];
  const child = stack.use(
    new Child({
      file: process.execPath,
      args: [launcher(), 'agent', ...options, '--mesh', mesh, '--mesh-size', SIZES],
      env: Object.fromEntries(Object.entries(process.env).filter(([variable]) => !variable.startsWith('DOCKET_'))),
      onLine: (line) => {
        onLine(line);
        const event = line.startsWith('{') ? parsed(line) : undefined;
        if (event?.['event'] === 'listening') listening.resolve({ url: String(event['url']), did: String(event['did']) });
      },
      onEnd: (how) => {
        listening.reject(new DocketError('DEV_FAILED', `${name} did not start: ${how}`));
        onEnd(how);
      },
    }),
  );
  const told = await listening.promise.finally(() => signal.removeEventListener('abort', abort));
  const held = stack.move();
  return { name, home, pid: child.pid, ...told, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Beside `src/` as beside `dist/`. */
function launcher(): string {
  return join(fileURLToPath(new URL('../../..', import.meta.url)), 'bin', 'docket');
}
