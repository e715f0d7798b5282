import type { Engine } from './engine.ts';
import { DocketError } from '../errors.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { Plan, PlannedTask } from '../workflow/model.ts';
import { didYouMean, listNames } from '../base/suggest.ts';

/** The run a word stands for: its id, the beginning of one, or `last`. Throws `RUN_UNKNOWN`. */
export function findRun(engine: Engine, word: string): RunRow {
  if (word === 'last') {
    const [newest] = engine.ledger.runs({ limit: 1 });
    if (newest === undefined)
      throw new DocketError('RUN_UNKNOWN', `there are no runs in this home, ${engine.paths.home}`, { next: 'Start one: docket run FILE.' });
    return newest;
  }
  const [run, second] = /^[0-9A-Za-z]+$/.test(word) ? engine.ledger.runsWithPrefix(word, 2) : [];
  if (run === undefined) throw new DocketError('RUN_UNKNOWN', `there is no run "${word}" in this home, ${engine.paths.home}`);
  if (second !== undefined && run.run !== word.toUpperCase())
    throw new DocketError('RUN_UNKNOWN', `"${word}" is the beginning of several runs: give more of it`);
  return run;
}

/**
 * Index of the task a word stands for: its label or another label of the same work, the CID of its instruction, or the beginning of either if it
 * is that of no other. Throws `TASK_UNKNOWN`.
 */
export function findTask(plan: Plan, word: string): number {
  const exact = plan.tasks.findIndex(
    (task) => task.label === word || task.aliases?.includes(word) === true || task.instruction.toString() === word,
  );
  if (exact >= 0) return exact;
  const like = plan.tasks.flatMap((task, i) => (task.group === word || startsWith(task, word) ? [i] : []));
  if (like.length === 1) return like[0]!;
  const labels = (like.length > 0 ? like.map((i) => plan.tasks[i]!) : plan.tasks).map((task) => task.label);
  const hint =
    like.length > 0 ? `"${word}" stands for ${like.length} tasks` : `there is no task "${word}"${didYouMean(word, labels)}; there are`;
  throw new DocketError('TASK_UNKNOWN', `${hint}: ${listNames(labels)}`);
}

function startsWith({ label, instruction }: PlannedTask, word: string): boolean {
  return word !== '' && (label.startsWith(word) || instruction.toString().startsWith(word));
}
