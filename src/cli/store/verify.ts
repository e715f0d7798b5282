import type { Damage, Looked } from '../../protocol/checks.ts';
import type { Call } from '../command.ts';
import type { Desk } from '../desk.ts';
import { jsonLine, printable } from '../present.ts';
import { storedCid } from './blobs.ts';

/** `docket store verify`: everything a home keeps, or single blobs. */

type Kind = Exclude<Looked['kind'], 'structure'>;

const KINDS: readonly Kind[] = ['blob', 'receipt', 'key', 'run', 'task', 'manifest', 'token', 'alias'];
const manyOf = (kind: Kind): string => (kind === 'alias' ? 'aliases' : `${kind}s`);
const numbered = (count: number, kind: Kind): string => `${count} ${count === 1 ? kind : manyOf(kind)}`;
const REDRAW_MS = 100;

export async function verify(call: Call, desk: Desk, words: readonly string[]): Promise<number> {
  const { stdout, stderr } = call.streams;
  const named = await Promise.all(words.map((word) => storedCid(desk, word)));
  const checked = new Map<Kind, number>();
  const damaged: (Damage & { readonly kind: string })[] = [];
  const summary = (): string => KINDS.flatMap((kind) => (checked.has(kind) ? numbered(checked.get(kind)!, kind) : [])).join(', ');
  using progress = liveLine(call, () => `checking: ${summary()}`);
  for await (const { kind, damage } of (await desk.records()).check(named, call.signal)) {
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
    stdout.write(jsonLine({ checked: Object.fromEntries(KINDS.map((kind) => [manyOf(kind), checked.get(kind) ?? 0])), damaged }));
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
function liveLine({ streams: { stderr }, env }: Call, text: () => string): LiveLine {
  const isLive = stderr.isTTY && env['TERM'] !== 'dumb';
  let last = performance.now();
  let isShown = false;
  const clear = (): void => {
    if (isShown) stderr.write('\r\u001B[K');
    isShown = false;
  };
  const step = (): void => {
    if (!isLive || performance.now() - last < REDRAW_MS) return;
    last = performance.now();
    stderr.write(`\r\u001B[K${text()}`);
    isShown = true;
  };
  return { step, clear, [Symbol.dispose]: clear };
}
