import type { Argument, Content, FromContent, TaskSpec, WorkflowFile } from './model.ts';
import type { Reader } from './reader.ts';
import { didYouMean, listNames } from '../../base/suggest.ts';
import { plainText } from './template.ts';

/** Whether a task is made once per item. */
export function isEach({ shape }: TaskSpec): boolean {
  return shape.kind === 'glob' || shape.kind === 'list' || shape.kind === 'pairs';
}

/**
 * For each task with `each`, the one whose items it goes through, at the end of a chain of `each: {task: …}`. Tasks of one family
 * have the same items, so inside of it `from` means the task of the same item.
 */
export function familiesOf(tasks: ReadonlyMap<string, TaskSpec>): ReadonlyMap<string, string> {
  const families = new Map<string, string>();
  for (const spec of tasks.values()) {
    if (!isEach(spec)) continue;
    const chain = new Set<string>();
    let at: TaskSpec | undefined = spec;
    while (at !== undefined && at.shape.kind === 'pairs' && !families.has(at.name) && !chain.has(at.name)) {
      chain.add(at.name);
      at = tasks.get(at.shape.task);
    }
    const root = at === undefined ? spec.name : (families.get(at.name) ?? at.name);
    for (const name of chain.add(spec.name)) if (!families.has(name)) families.set(name, root);
  }
  return families;
}

/** What `from` means in the task `inside`: the task of the same item, all tasks of an `each`, or the one task. */
export function relationOf(
  { task }: FromContent,
  inside: string | undefined,
  families: ReadonlyMap<string, string>,
): 'paired' | 'all' | 'one' {
  const family = families.get(task);
  if (family === undefined) return 'one';
  return inside !== undefined && families.get(inside) === family ? 'paired' : 'all';
}

/** Every VALUE of a task. */
export function* contentsOf({ body }: TaskSpec): Generator<Content> {
  if (body.op === 'wasm/run') for (const argument of body.args) yield* contentsInside(argument);
  else {
    if (body.stdin !== undefined) yield body.stdin;
    for (const { content } of body.files) yield content;
  }
}

function* contentsInside(argument: Argument): Generator<Content> {
  if (argument.kind === 'items') for (const item of argument.items) yield* contentsInside(item);
  else if (argument.kind === 'fields') for (const [, field] of argument.entries) yield* contentsInside(field);
  else if (argument.kind !== 'literal' && argument.kind !== 'template') yield argument;
}

/**
 * Checks every name of a task in the file, and that lists stand where lists can. Gives the tasks in an order in which each comes
 * after those it needs, otherwise as in the file; only to be used if no problem was noted.
 */
export function link({ tasks, outputs }: WorkflowFile, reader: Reader): readonly TaskSpec[] {
  const families = familiesOf(tasks);
  for (const spec of tasks.values()) checkTask(spec, tasks, families, reader);
  for (const { from } of outputs) checkName(from, tasks, reader);
  return order(tasks, reader);
}

function checkTask(spec: TaskSpec, tasks: ReadonlyMap<string, TaskSpec>, families: ReadonlyMap<string, string>, reader: Reader): void {
  const { shape, body, name } = spec;
  if (shape.kind === 'pairs' || shape.kind === 'reduce') {
    const over = checkName({ task: shape.task, taskAt: shape.at }, tasks, reader);
    if (over !== undefined && !isEach(over)) {
      const eaches = [...tasks.values()].filter(isEach).map((task) => task.name);
      reader.problem(
        shape.at,
        `"${shape.task}" has no \`each\`, so "${name}" cannot go over its items`,
        `Tasks with \`each\`: ${listNames(eaches)}.`,
      );
    }
  }
  const isList = (content: Content): boolean =>
    content.kind === 'parts' || (content.kind === 'from' && relationOf(content, name, families) === 'all');
  for (const content of contentsOf(spec)) {
    if (content.kind === 'from') checkName(content, tasks, reader);
    if (content.kind === 'parts' && shape.kind !== 'reduce') {
      reader.problem(content.at, `"parts" stands in "${name}", which has no \`reduce\``, 'Use {from: TASK} for the outputs of a task.');
    }
  }
  if (body.op !== 'wasi/run') return;
  if (body.stdin !== undefined && isList(body.stdin)) {
    reader.problem(body.stdin.at, `"stdin" of "${name}" would be a list of outputs`, 'Mount them as files instead: files: { parts/: … }.');
  }
  for (const { path, content } of body.files) {
    const text = plainText(path);
    if (text === undefined) continue;
    if (isList(content) && !text.endsWith('/')) {
      reader.problem(
        path.at,
        `"${text}" of "${name}" would be a list of outputs`,
        `End the name with a slash to mount them as ${text}/0000, ${text}/0001, ….`,
      );
    } else if (text.endsWith('/') && !isList(content) && content.kind !== 'dir' && content.kind !== 'cid' && content.kind !== 'from') {
      reader.problem(
        path.at,
        `"${text}" of "${name}" ends with a slash but is one file`,
        'Drop the slash, or give a {dir: …} or a list of outputs.',
      );
    }
  }
}

function checkName(
  { task, taskAt }: Pick<FromContent, 'task' | 'taskAt'>,
  tasks: ReadonlyMap<string, TaskSpec>,
  reader: Reader,
): TaskSpec | undefined {
  return (
    tasks.get(task) ??
    reader.problem(taskAt, `there is no task "${task}"${didYouMean(task, tasks.keys())}`, `Tasks: ${listNames(tasks.keys())}.`)
  );
}

interface Need {
  readonly task: string;
  readonly at: number;
}

function needsOf(spec: TaskSpec): Need[] {
  const needs: Need[] = [];
  const { shape } = spec;
  if (shape.kind === 'pairs' || shape.kind === 'reduce') needs.push({ task: shape.task, at: shape.at });
  for (const content of contentsOf(spec)) if (content.kind === 'from') needs.push({ task: content.task, at: content.taskAt });
  return needs;
}

/** Depth first with a stack of its own, since a chain may be 20,000 tasks long. Each circle is noted once, where it closes. */
function order(tasks: ReadonlyMap<string, TaskSpec>, reader: Reader): TaskSpec[] {
  const sorted: TaskSpec[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const stack: { readonly spec: TaskSpec; readonly needs: readonly Need[]; next: number }[] = [];
  const open = (spec: TaskSpec): void => {
    state.set(spec.name, 'open');
    stack.push({ spec, needs: needsOf(spec), next: 0 });
  };
  for (const start of tasks.values()) {
    if (!state.has(start.name)) open(start);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const need = top.needs[top.next++];
      if (need === undefined) {
        stack.pop();
        state.set(top.spec.name, 'done');
        sorted.push(top.spec);
        continue;
      }
      const spec = tasks.get(need.task);
      if (spec === undefined || state.get(need.task) === 'done') continue;
      if (state.get(need.task) === undefined) open(spec);
      else {
        const names = stack.map((entry) => entry.spec.name);
        const circle = [...names.slice(names.indexOf(need.task)), need.task];
        reader.problem(
          need.at,
          `tasks wait for each other in a circle: ${circle.join(' → ')}`,
          'Remove one of these references.',
          'WORKFLOW_CYCLE',
        );
      }
    }
  }
  return sorted;
}
