import { printable } from '../present.ts';
import { cellsOf, fit, pad } from '../text-width.ts';
import { done, type GroupTally, type Tally } from './tally.ts';

const LONGEST_BAR = 24;
const SHORTEST_BAR = 4;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The live picture: a bar per group of tasks, then a line with the rate and the time left. At most `height - 2` rows, from the first group that is
 * not done on; no row reaches the last column, where terminals differ in what they do.
 */
export function pictureRows(tally: Tally, perSecond: number, { width, height }: Size): string[] {
  const groups = tally.groups.filter((group) => group.size > 0);
  const room = Math.max(1, height - 3);
  const unfinished = groups.findIndex((group) => done(group) < group.size);
  const from = Math.max(0, Math.min(unfinished < 0 ? groups.length : unfinished, groups.length - room));
  const shown = groups.slice(from, from + room).map((group) => ({ group, name: printable(group.name) }));
  const names = Math.min(Math.max(0, ...shown.map(({ name }) => cellsOf(name))), Math.max(8, Math.floor(width / 3)));
  const bar = Math.max(SHORTEST_BAR, Math.min(LONGEST_BAR, Math.floor((width - names) / 3)));
  const running = tally.runningByGroup();
  const away = tally.awayByGroup();
  const resting = tally.restingByGroup();
  const rows = shown.map(({ group, name }) => {
    const underWay = { running: running.get(group) ?? 0, 'at other agents': away.get(group) ?? 0, held: resting.get(group) ?? 0 };
    return `${pad(fit(name, names), names)} ${groupText(group, underWay, bar)}`;
  });
  const hidden = groups.length - shown.length;
  rows.push(`${totalText(tally, perSecond)}${hidden > 0 ? `, ${hidden} more groups` : ''}`);
  return rows.map((row) => fit(row, Math.max(1, width - 1)));
}

function groupText(group: GroupTally, underWay: Readonly<Record<string, number>>, bar: number): string {
  const finished = done(group);
  const filled = Math.floor((finished / group.size) * bar);
  const { ran, cached, failed, skipped } = group;
  const parts = Object.entries({ ...underWay, ran, cached, failed, skipped })
    .filter(([, count]) => count > 0)
    .map(([part, count]) => `${count} ${part}`);
  return `${'█'.repeat(filled)}${'░'.repeat(bar - filled)} ${finished}/${group.size}  ${parts.join(', ')}`.trimEnd();
}

function totalText({ settled, total, held }: Tally, perSecond: number): string {
  const left = perSecond > 0 && settled < total ? `, ${clockText((total - settled) / perSecond)} left` : '';
  return `${settled}/${total} tasks, ${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s${left}${held > 0 ? `, ${held} ${held === 1 ? 'slot' : 'slots'}` : ''}`;
}

/** `0:07`, `12:30`, `3:05:00`. */
function clockText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const used = parts[0] === 0 ? parts.slice(1) : parts;
  return used.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** Rows of the terminal that these take at its present width: one that was made narrower has wrapped them. */
export function rowsTaken(rows: readonly string[], width: number): number {
  return rows.reduce((sum, row) => sum + Math.max(1, Math.ceil(cellsOf(row) / Math.max(1, width))), 0);
}
