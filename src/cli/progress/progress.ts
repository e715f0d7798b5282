import type { RunEvent } from '../../scheduler/events.ts';
import type { Plan } from '../../workflow/model.ts';
import { formatDuration } from '../../base/units.ts';
import type { Streams } from '../command.ts';
import { done, type GroupTally, Tally } from './tally.ts';

/** Shows a run on stderr while it goes on: a live picture on a terminal, plain lines elsewhere. */
export interface Progress {
  event(event: RunEvent): void;
  /** Removes the live picture; nothing is shown afterwards. */
  stop(): void;
}

export function progressFor(plan: Plan, streams: Streams, now: () => number): Progress {
  const tally = new Tally(plan);
  return streams.stderr.isTTY ? livePicture(plan, tally, streams.stderr, now) : plainLines(plan, tally, streams.stderr, now);
}

const REDRAW_MS = 100;
const LINE_MS = 2_000;
const BAR = 24;

/** Redraws in place; the number of groups shown is bounded by the height of the terminal. */
function livePicture(plan: Plan, tally: Tally, out: NodeJS.WriteStream, now: () => number): Progress {
  const began = now();
  let shown = 0;
  const erase = (): void => {
    if (shown > 0) out.write(`\u001B[${shown}A\u001B[0J`);
    shown = 0;
  };
  const draw = (): void => {
    const rows = pictureRows(tally, now() - began, { width: out.columns ?? 80, height: out.rows ?? 24 });
    erase();
    out.write(`${rows.join('\n')}\n`);
    shown = rows.length;
  };
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  return {
    event(event) {
      tally.add(event);
      const line = lineFor(event, plan);
      if (line === undefined) return;
      erase();
      out.write(`${line}\n`);
    },
    stop() {
      clearInterval(timer);
      erase();
    },
  };
}

/** The live picture: a bar per group, then a line with the rate and the time left. */
export function pictureRows(tally: Tally, elapsed: number, size: { readonly width: number; readonly height: number }): string[] {
  const active = tally.groups.filter((group) => group.size > 0);
  const room = Math.max(1, size.height - 3);
  const first = active.findIndex((group) => done(group) < group.size);
  const from = Math.max(0, Math.min(first < 0 ? active.length : first, active.length - room));
  const width = Math.max(...active.map((group) => group.name.length), 0);
  const rows = active.slice(from, from + room).map((group) => groupRow(group, width));
  const rate = tally.settled / Math.max(elapsed / 1000, 0.001);
  const left = rate > 0 && tally.settled < tally.total ? `, about ${formatDuration(Math.ceil((tally.total - tally.settled) / rate) * 1000)} left` : '';
  rows.push(`${tally.settled}/${tally.total} tasks, ${rate.toFixed(rate < 10 ? 1 : 0)}/s${left}${tally.held > 0 ? `, ${tally.held} slots` : ''}`);
  return rows.map((row) => row.slice(0, Math.max(10, size.width - 1)));
}

function groupRow(group: GroupTally, width: number): string {
  const finished = done(group);
  const filled = Math.floor((finished / group.size) * BAR);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled);
  const parts = [
    group.running > 0 ? `${group.running} running` : '',
    group.ran > 0 ? `${group.ran} ran` : '',
    group.cached > 0 ? `${group.cached} cached` : '',
    group.failed > 0 ? `${group.failed} failed` : '',
    group.skipped > 0 ? `${group.skipped} skipped` : '',
  ].filter((part) => part !== '');
  return `${group.name.padEnd(width)} ${bar} ${finished}/${group.size}  ${parts.join(', ')}`;
}

/** One line now and then, so that a log of a long run shows that it lives. */
function plainLines(plan: Plan, tally: Tally, out: NodeJS.WriteStream, now: () => number): Progress {
  const began = now();
  let told = -1;
  const timer = setInterval(() => {
    if (tally.settled === told) return;
    told = tally.settled;
    const running = tally.groups.reduce((sum, group) => sum + group.running, 0);
    out.write(`${formatDuration(Math.round((now() - began) / 1000) * 1000)}: ${tally.settled}/${tally.total} tasks, ${running} running\n`);
  }, LINE_MS);
  timer.unref();
  return {
    event(event) {
      tally.add(event);
      const line = lineFor(event, plan);
      if (line !== undefined) out.write(`${line}\n`);
    },
    stop: () => clearInterval(timer),
  };
}

/** What is worth a line of its own. */
function lineFor(event: RunEvent, plan: Plan): string | undefined {
  if (event.kind === 'retrying') return `retrying ${plan.tasks[event.task]!.label} in ${formatDuration(event.after)}: ${event.message}`;
  if (event.kind === 'settled' && event.state === 'failed') return `failed ${plan.tasks[event.task]!.label}${event.message === undefined ? '' : `: ${event.message}`}`;
  if (event.kind === 'conflict') return `two results for one key: ${event.kept} stays, ${event.other} differs (docket receipt show compares them)`;
  return undefined;
}
