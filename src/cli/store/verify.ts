import { checkBlobs, checkHome, type Damage, type Looked } from '../../agent/check-home.ts';
import type { Engine } from '../../agent/engine.ts';
import type { Call } from '../command.ts';
import { counted, jsonLine, printable } from '../present.ts';
import { storedCid } from './blobs.ts';

/** `docket store verify`: everything a home keeps, or single blobs. */

type Kind = Exclude<Looked['kind'], 'structure'>;

const KINDS: readonly Kind[] = ['blob', 'receipt', 'key', 'run', 'task', 'manifest', 'token'];
const REDRAW_MS = 100;

export async function verify(call: Call, engine: Engine, words: readonly string[]): Promise<number> {
  const { stdout, stderr } = call.streams;
  const named = words.map(storedCid);
  const checked = new Map<Kind, number>();
  const damaged: (Damage & { readonly kind: string })[] = [];
  const summary = (): string => KINDS.flatMap((kind) => (checked.has(kind) ? counted(checked.get(kind)!, kind) : [])).join(', ');
  using progress = liveLine(call, engine, () => `checking: ${summary()}`);
  for await (const { kind, damage } of named.length > 0 ? checkBlobs(engine, named) : checkHome(engine, call.signal)) {
    if (kind !== 'structure') checked.set(kind, (checked.get(kind) ?? 0) + 1);
    progress.step();
    if (damage === undefined) continue;
    damaged.push({ kind, ...damage });
    progress.clear();
    if (!call.flag('json'))
      stdout.write(`damaged  ${printable(`${damage.name}: ${damage.problem}`)}\n         ${printable(damage.next)}\n`);
  }
  progress.clear();
  if (call.flag('json'))
    stdout.write(jsonLine({ checked: Object.fromEntries(KINDS.map((kind) => [`${kind}s`, checked.get(kind) ?? 0])), damaged }));
  stderr.write(`${summary() || 'nothing'} checked, ${damaged.length} damaged\n`);
  return damaged.length === 0 ? 0 : 1;
}

interface LiveLine extends Disposable {
  /** Something more was done. */
  step(): void;
  /** Takes the line away, for others to write theirs. */
  clear(): void;
}

/** One line on a terminal that says how far things are; elsewhere nothing. */
function liveLine({ streams: { stderr }, env }: Call, { clock }: Engine, text: () => string): LiveLine {
  const isLive = stderr.isTTY && env['TERM'] !== 'dumb';
  let last = clock.monotonic();
  let isShown = false;
  const clear = (): void => {
    if (isShown) stderr.write('\r\u001B[K');
    isShown = false;
  };
  const step = (): void => {
    if (!isLive || clock.monotonic() - last < REDRAW_MS) return;
    last = clock.monotonic();
    stderr.write(`\r\u001B[K${text()}`);
    isShown = true;
  };
  return { step, clear, [Symbol.dispose]: clear };
}
