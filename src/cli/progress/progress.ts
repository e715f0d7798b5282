import { formatDuration, formatSize } from '../../base/units.ts';
import type { RunEvent } from '../../scheduler/events.ts';
import type { Plan } from '../../workflow/model.ts';
import type { Call } from '../command.ts';
import { counted, printable } from '../present.ts';
import { pictureRows, rowsTaken } from './picture.ts';
import { Rate } from './rate.ts';
import { Tally } from './tally.ts';

/** Shows a run on stderr while it goes on: a live picture on a terminal, plain lines elsewhere. */
export interface Progress {
  event(event: RunEvent): void;
  /** A line of its own, which stays. */
  tell(line: string): void;
  /** The run was told to end. */
  stopping(): void;
  /** Removes the live picture; nothing is shown afterwards. */
  stop(): void;
}

const REDRAW_MS = 100;
const LINE_MS = 2_000;
/** How long nothing runs before that is told. */
const IDLE_MS = 3_000;
/** Failures told as they come; the end of the run lists them. */
const FAILURES_TOLD = 20;
const REFUSALS_TOLD = 10;

/** `atAgent`: an agent drives the run, so that this home says nothing of what it waits for. */
export function progressFor(
  plan: Plan,
  { streams: { stderr }, env }: Pick<Call, 'streams' | 'env'>,
  now: () => number,
  { atAgent = false } = {},
): Progress {
  const tally = new Tally(plan);
  const idle = idleTeller(tally, now, atAgent ? IDLE_AT_AGENT : IDLE_HERE);
  // A dumb terminal cannot move its cursor.
  return stderr.isTTY && env['TERM'] !== 'dumb'
    ? livePicture(plan, { tally, idle }, stderr, now)
    : plainLines(plan, { tally, idle }, stderr, now);
}

/**
 * Redraws in place, line over line. Clearing the screen first would flicker, and some terminals keep what was cleared as if it had scrolled away.
 */
function livePicture(plan: Plan, { tally, idle }: Watched, out: NodeJS.WriteStream, now: () => number): Progress {
  const rate = new Rate();
  const tell = teller(plan);
  let shown: readonly string[] = [];
  const toTop = (): string => {
    const up = rowsTaken(shown, out.columns || 80);
    return up > 0 ? `\r\u001B[${up}A` : '';
  };
  /** `told` stays above the picture. */
  const draw = (...told: string[]): void => {
    rate.note(now(), tally.settled);
    const rows = pictureRows(tally, rate.perSecond, { width: out.columns || 80, height: out.rows || 24 });
    const lines = [...told, ...rows].map((line) => `${line}\u001B[K\n`);
    out.write(`${toTop()}${lines.join('')}\u001B[J`);
    shown = rows;
  };
  /** Not before there is a picture: a run that is found whole never shows one. */
  const say = (line: string): void => void (shown.length > 0 ? draw(line) : out.write(`${line}\n`));
  rate.note(now(), 0);
  const timer = setInterval(() => draw(...idle()), REDRAW_MS);
  timer.unref();
  return {
    event(event) {
      tally.add(event);
      const line = tell(event);
      if (line !== undefined) draw(line);
    },
    tell: say,
    stopping: () => say(stoppingText(tally)),
    stop() {
      clearInterval(timer);
      if (shown.length > 0) out.write(`${toTop()}\u001B[J`);
      shown = [];
    },
  };
}

/** One line now and then, so that a log of a long run shows that it lives. */
function plainLines(plan: Plan, { tally, idle }: Watched, out: NodeJS.WriteStream, now: () => number): Progress {
  const began = now();
  const tell = teller(plan);
  let told = -1;
  const timer = setInterval(() => {
    for (const line of idle()) out.write(`${line}\n`);
    if (tally.settled === told) return;
    told = tally.settled;
    const elapsed = formatDuration(Math.round((now() - began) / 1000) * 1000);
    out.write(`${elapsed}: ${tally.settled}/${tally.total} tasks, ${tally.running} running${awayText(tally)}${restingText(tally)}\n`);
  }, LINE_MS);
  timer.unref();
  return {
    event(event) {
      tally.add(event);
      const line = tell(event);
      if (line !== undefined) out.write(`${line}\n`);
    },
    tell: (line) => void out.write(`${line}\n`),
    stopping: () => void out.write(`${stoppingText(tally)}\n`),
    stop: () => clearInterval(timer),
  };
}

interface Watched {
  readonly tally: Tally;
  readonly idle: () => readonly string[];
}

const IDLE_HERE = 'waiting: other commands of this home have the slots, or are at the same work';
const IDLE_AT_AGENT =
  'waiting: nothing of the run is under way, as far as its agent tells: slots may be taken, or what drives it may be changing';

/** Says so, once at a time, when nothing has run for a while: here others have the slots then, or are at the same work. */
function idleTeller(tally: Tally, now: () => number, text: string): () => readonly string[] {
  let since: number | undefined;
  let told = false;
  return () => {
    // What waits for a receipt, an agent or its next attempt has said so, and for how long.
    const isIdle = tally.running === 0 && tally.away.tasks === 0 && tally.settled < tally.total && tally.awaiting + tally.resting === 0;
    if (!isIdle) {
      since = undefined;
      told = false;
      return [];
    }
    since ??= now();
    if (told || now() - since < IDLE_MS) return [];
    if (tally.fetching !== undefined) {
      // Told again after as long.
      since = now();
      return [fetchingText(tally.fetching)];
    }
    told = true;
    return [text];
  };
}

function awayText({ away: { tasks, agents } }: Tally): string {
  return tasks === 0 ? '' : `, ${tasks} at ${agents === 1 ? 'another agent' : `${agents} other agents`}`;
}

function restingText({ resting }: Tally): string {
  return resting === 0 ? '' : `, ${resting} held until ${resting === 1 ? 'its output is' : 'their outputs are'} kept in the mesh`;
}

function fetchingText({ resource, from, bytes, size }: NonNullable<Tally['fetching']>): string {
  const far = `${formatSize(bytes)}${size === null ? '' : ` of ${formatSize(size)}`}${from === null || from === resource ? '' : ` from ${from}`}`;
  return `fetching ${printable(`${resource}: ${far}`)}`;
}

function stoppingText({ running }: Tally): string {
  const what = running === 0 ? '' : `: ${counted(running, 'task')} ${running === 1 ? 'is' : 'are'} being ended`;
  return `stopping${what}; once more kills`;
}

/** What is worth a line of its own. */
function teller(plan: Plan): (event: RunEvent) => string | undefined {
  let failures = 0;
  let refusals = 0;
  let isUnsecured = false;
  const labelOf = (task: number): string => printable(plan.tasks[task]!.label);
  return (event) => {
    if (event.kind === 'conflict')
      return `two results for one key: ${event.kept} stays, ${event.other} differs (docket receipt show compares them)`;
    if (event.kind === 'awaiting') {
      const [first, ...more] = event.instructions;
      const what = `${first}${more.length === 0 ? '' : ` and ${more.length} more`}`;
      return `${labelOf(event.task)} waits for a receipt of ${what}, which the workflow does not hold: ${formatDuration(event.most)} at most`;
    }
    if (event.kind === 'dissent') {
      const proof = event.isProof ? ', which is distrusted from now on' : '';
      return `${labelOf(event.task)}: ${event.agreed.join(' and ')} contradict ${event.receipt} of ${printable(event.member)}${proof}`;
    }
    if (event.kind === 'refused' && ++refusals <= REFUSALS_TOLD)
      return `${labelOf(event.task)}: not believed${event.member === '' ? '' : ` of ${printable(event.member)}`}: ${printable(event.why)}`;
    if (event.kind === 'fetched') return `fetched ${printable(event.resource)}: ${formatSize(event.bytes)} from ${printable(event.from)}`;
    if (event.kind === 'unfetched') return `not fetched: ${printable(event.message)}`;
    if (event.kind === 'unsecured') {
      isUnsecured = true;
      return `not secured yet, so that no other agent can go on with it: ${printable(`${event.message} [${event.code}]`)}`;
    }
    if (event.kind === 'secured') {
      const line = isUnsecured ? 'secured: other agents can go on with it' : undefined;
      isUnsecured = false;
      return line;
    }
    if (event.kind === 'retrying') return `retrying ${labelOf(event.task)} in ${formatDuration(event.after)}: ${printable(event.message)}`;
    if (event.kind === 'unplaceable')
      return `${labelOf(event.task)} waits for an agent that can run it, for ${formatDuration(event.most)} at most: ${printable(event.why)}`;
    if (event.kind !== 'settled' || event.state !== 'failed' || ++failures > FAILURES_TOLD) return undefined;
    return `failed ${labelOf(event.task)}${event.message === undefined ? '' : `: ${printable(event.message)}`}`;
  };
}
