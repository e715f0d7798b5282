import { type Difference, explain, type Explanation } from '../../agent/explain.ts';
import { planOf } from '../../agent/plan-of.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import type { Ipld } from '../../ipld/value.ts';
import { isMap } from '../../ipld/value.ts';
import type { Plan } from '../../workflow/model.ts';
import type { Command } from '../command.ts';
import { findRun, findTask } from '../find.ts';
import { openEngine } from '../open-engine.ts';
import { jsonable, jsonLine } from '../present.ts';

export const command: Command = {
  summary: 'Say why a task of a run was run, or which receipt was used instead.',
  usage: 'RUN TASK',
  words: [2, 2],
  options: {},
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. TASK is a label such as \`top\` or \`count[docs/a.md]\` (\`docket show RUN\` lists them).
A task is run if no earlier result has its key: the hash of module, arguments, inputs, limits and grants. What changed is named field by field.`,
  async run(call) {
    await using engine = await openEngine(call);
    const [runWord, taskWord] = call.words;
    const run = findRun(engine, runWord!);
    const plan = await planOf(engine, run.run);
    const index = findTask(plan, taskWord!);
    const task = plan.tasks[index]!;
    const { force } = run.options as { force: 'all' | readonly string[] | null };
    const forced = force === 'all' || (Array.isArray(force) && (force.includes(task.label) || force.includes(task.group)));
    const row = engine.ledger.runTask(run.run, index);
    const explanation = explain(engine, task, row, forced);
    if (call.flag('json')) call.streams.stdout.write(jsonLine({ run: run.run, task: task.label, ...document(explanation) }));
    else call.streams.stdout.write(`${sentences(task.label, explanation, plan, index, run.state).join('\n')}\n`);
    return 0;
  },
};

function sentences(label: string, why: Explanation, plan: Plan, index: number, state: string): string[] {
  switch (why.kind) {
    case 'found':
      return [
        `${label} was not run: receipt ${why.receipt} was used.`,
        why.by === 'declared'
          ? '  It has the same declared key: the same work on the same pure inputs, all the way up.'
          : '  It has the same resolved key: module, arguments, inputs, limits and grants are all the same.',
      ];
    case 'unneeded': {
      if (state === 'running' || state === 'interrupted') return [`${label} has not ended in this run, which is ${state}.`];
      const wanted = plan.tasks.filter((task) => task.awaits.some((input) => input.task === index)).map((task) => task.label);
      return [`${label} was not looked at: everything that wants it (${wanted.slice(0, 5).join(', ')}) was found by its own key.`];
    }
    case 'skipped':
      return [`${label} did not run because of ${why.cause === null ? 'another task' : plan.tasks[why.cause]!.label}, which did not give what it waits for.`];
    case 'cancelled':
      return [`${label} was cancelled.`];
    case 'ran':
      return ranSentences(label, why);
  }
}

function ranSentences(label: string, why: Extract<Explanation, { kind: 'ran' }>): string[] {
  const lines = [`${label} was run${why.receipt === null ? '' : `: receipt ${why.receipt}`}.`];
  if (why.because === 'forced') lines.push('  It was forced.');
  if (why.because === 'impure') lines.push('  It is granted what differs between runs (clock, random), so an earlier result never counts; `memo: always` would change that.');
  if (why.because === 'memo: never') lines.push('  Its memo policy is "never".');
  if (why.because === 'blobs gone') lines.push('  An earlier result has this very key, but its blobs are gone or its receipt is damaged.');
  if (why.because !== undefined) return lines;
  if (why.nearest === undefined) return [...lines, '  There is no earlier result of it to compare with.'];
  const { receipt, at, differences } = why.nearest;
  lines.push(`  No earlier result has its key. The nearest is ${receipt} of ${new Date(at).toISOString()}; what differs:`);
  return [...lines, ...differences.slice(0, 20).map(differenceLine)];
}

function differenceLine({ field, before, after }: Difference): string {
  return `    ${field}: ${short(before)} → ${short(after)}`;
}

function short(value: Ipld | undefined): string {
  if (value === undefined) return '(absent)';
  const text = isMap(value) && 'cid' in value ? DagJson.encode(value['cid'] ?? null) : DagJson.encode(value);
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}

function document(why: Explanation): Record<string, unknown> {
  switch (why.kind) {
    case 'found':
      return { kind: why.kind, by: why.by, receipt: why.receipt.toString() };
    case 'ran':
      return {
        kind: why.kind,
        receipt: why.receipt?.toString() ?? null,
        because: why.because ?? null,
        nearest: why.nearest && {
          receipt: why.nearest.receipt.toString(),
          at: why.nearest.at,
          differences: why.nearest.differences.map(({ field, before, after }) => ({
            field,
            before: before === undefined ? null : jsonable(before),
            after: after === undefined ? null : jsonable(after),
          })),
        },
      };
    default:
      return { ...why };
  }
}
