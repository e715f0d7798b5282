import { DocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import { type Ipld, isMap } from '../../ipld/value.ts';
import { nonceOf } from '../nonce.ts';
import { PlanBuilder } from '../plan.ts';
import { type Imports, type Sources, withPlace } from '../sources.ts';
import { contentsOf, familiesOf, isEach, relationOf } from './link.ts';
import { inputMaker } from './make-input.ts';
import { folderOf, fromMaker, moduleMaker, moduleOf } from './make-value.ts';
import { cidOf, dataMaker, type Fail, type Frame, textOf, type World } from './maker.ts';
import type { TaskSpec, WorkflowFile } from './model.ts';
import type { Source } from './source.ts';

/** A workflow file turned into single tasks, all added to `builder`. */
export interface Expanded {
  readonly builder: PlanBuilder;
  readonly outputs: Readonly<Record<string, Ipld>>;
}

interface Context {
  readonly file: WorkflowFile;
  readonly order: readonly TaskSpec[];
  readonly inputs: ReadonlyMap<string, Ipld>;
  readonly source: Source;
  readonly sources: Sources;
  readonly imports: Imports;
}

/** One task to be: which item of its `each` it is for. */
type Cell = Pick<Frame, 'item' | 'index'>;

const ONE: readonly Cell[] = [{ item: undefined, index: 0 }];
const NO_PARTS: readonly CID[] = [];
const NO_PROOFS: readonly Ipld[] = [];
const LABEL_LENGTH = 120;
const MAX_REFERENCES = 10_000_000;

/** Lists the items, imports every file, then makes the tasks in the order given. */
export async function expand(context: Context): Promise<Expanded> {
  const cells = await listCells(context);
  checkReferences(context, cells);
  wantImports(context, cells);
  await context.imports.load();
  const expanded = new Expander(context, cells).expand();
  await context.imports.storeLarge();
  return expanded;
}

async function listCells(context: Context): Promise<ReadonlyMap<string, readonly Cell[]>> {
  const cells = new Map<string, readonly Cell[]>();
  for (const spec of context.order) cells.set(spec.name, await cellsOf(spec, context, cells));
  return cells;
}

async function cellsOf({ name, shape }: TaskSpec, context: Context, known: ReadonlyMap<string, readonly Cell[]>): Promise<readonly Cell[]> {
  const fail = failing(context.source);
  const frame: Frame = { inputs: context.inputs, item: undefined, index: 0, parts: NO_PARTS };
  if (shape.kind === 'pairs') return known.get(shape.task)!;
  if (shape.kind === 'list') return shape.items.map((data, index) => ({ item: dataMaker(data, fail).make(frame), index }));
  if (shape.kind === 'reduce' && known.get(shape.task)!.length === 0) {
    fail(shape.at, `"${name}" has nothing to reduce: "${shape.task}" has no items`, 'A reduce needs at least one.');
  }
  if (shape.kind !== 'glob') return ONE;
  const pattern = textOf(shape.pattern, frame, fail);
  const place = context.source.place(shape.pattern.at);
  const paths = await context.sources.glob(pattern).catch((error: unknown) => {
    throw withPlace(error, place);
  });
  if (paths.length === 0) {
    fail(
      shape.pattern.at,
      `no file matches "${pattern}", so "${name}" has no items`,
      'Patterns are relative to the folder of the workflow file; ** spans folders.',
    );
  }
  return paths.map((item, index) => ({ item, index }));
}

/** A list in a task of an `each` is repeated for every item: 100,000 tasks that each await 100,000 others are no plan anyone meant. */
function checkReferences({ order, file, source }: Context, cells: ReadonlyMap<string, readonly Cell[]>): void {
  const families = familiesOf(file.tasks);
  let references = 0;
  for (const spec of order) {
    for (const content of contentsOf(spec)) {
      const isList = content.kind === 'from' && relationOf(content, spec.name, families) === 'all';
      references += cells.get(spec.name)!.length * (isList ? cells.get(content.task)!.length : 1);
      if (references <= MAX_REFERENCES) continue;
      throw new DocketError('WORKFLOW_TOO_LARGE', `with "${spec.name}", the tasks await each other more than ${MAX_REFERENCES} times`, {
        place: source.place(content.at),
        next: 'Put a `reduce` or a single task in between, so that not every task awaits the whole list.',
      });
    }
  }
}

function wantImports({ order, inputs, source, imports }: Context, cells: ReadonlyMap<string, readonly Cell[]>): void {
  const fail = failing(source);
  for (const spec of order) {
    const wanted = [...contentsOf(spec)].filter((content) => content.kind === 'file' || content.kind === 'dir');
    const named = [...contentsOf(spec)].filter((content) => content.kind === 'cid');
    const modules = [spec.module, ...(spec.body.op === 'wasi/run' ? spec.body.extensions.values() : [])];
    for (const cell of cells.get(spec.name)!) {
      const names = { ...cell, inputs };
      for (const module of modules) imports.wantModule(moduleOf(module, names, fail), () => source.place(module.text.at));
      for (const { cid, at } of named) imports.wantNamed(cidOf(cid, names, fail), () => source.place(at));
      for (const content of wanted) {
        const place = () => source.place(content.path.at);
        if (content.kind === 'file') imports.wantFile(textOf(content.path, names, fail), place);
        else imports.wantFolder(folderOf(content, names, fail), place);
      }
    }
  }
}

function failing(source: Source): Fail {
  return (at, message, next) => {
    throw new DocketError('WORKFLOW_INVALID', message, { place: source.place(at), ...(next === undefined ? {} : { next }) });
  };
}

/** Makes the tasks one after the other; those a task awaits are made before it, so that their CIDs are known. */
class Expander {
  readonly #context: Context;
  readonly #cells: ReadonlyMap<string, readonly Cell[]>;
  readonly #builder = new PlanBuilder();
  readonly #families: ReadonlyMap<string, string>;
  readonly #made = new Map<string, readonly CID[]>();

  constructor(context: Context, cells: ReadonlyMap<string, readonly Cell[]>) {
    this.#context = context;
    this.#cells = cells;
    this.#families = familiesOf(context.file.tasks);
  }

  expand(): Expanded {
    const { order, file, inputs } = this.#context;
    for (const spec of order) this.#made.set(spec.name, this.#expandTask(spec));
    const world = this.#world(undefined);
    const frame: Frame = { inputs, item: undefined, index: 0, parts: NO_PARTS };
    const outputs = file.outputs.map(({ name, from }) => [name, fromMaker(from, world).make(frame)] as const);
    return { builder: this.#builder, outputs: Object.fromEntries(outputs) };
  }

  #expandTask(spec: TaskSpec): readonly CID[] {
    const make = this.#maker(spec);
    const cells = this.#cells.get(spec.name)!;
    if (spec.shape.kind === 'reduce') return [this.#reduce(spec.name, spec.shape, make)];
    if (!isEach(spec)) return cells.map((cell) => make(cell, NO_PARTS, spec.name));
    const labels = new Set<string>();
    return cells.map((cell) => {
      const label = itemLabel(spec.name, cell);
      const free = labels.has(label) ? `${label}#${cell.index}` : label;
      labels.add(free);
      return make(cell, NO_PARTS, free);
    });
  }

  /** Levels of at most `arity` parts each, until one is left. A part alone in its group goes up as it is, except from the items themselves. */
  #reduce(name: string, { task, arity }: { readonly task: string; readonly arity: number }, make: Make): CID {
    let parts = this.#made.get(task)!;
    for (let level = 1; ; level++) {
      const groups = Math.ceil(parts.length / arity);
      parts = Array.from({ length: groups }, (_, i) => {
        const group = parts.slice(i * arity, (i + 1) * arity);
        return group.length === 1 && level > 1 ? group[0]! : make(ONE[0]!, group, groups === 1 ? name : `${name}[${level}.${i}]`);
      });
      if (groups === 1) return parts[0]!;
    }
  }

  #maker(spec: TaskSpec): Make {
    const { inputs, source } = this.#context;
    const world = this.#world(spec.name);
    const input = inputMaker(spec.body, world);
    const module = moduleMaker(spec.module, world);
    const place = () => source.place(spec.at);
    return (cell, parts, label) => {
      const frame: Frame = { inputs, item: cell.item, index: cell.index, parts };
      const { cid, rsc } = module.make(frame);
      const nnc = spec.nonce === undefined ? '' : nonceOf(textOf(spec.nonce, frame, world.fail));
      const run = { rsc, op: spec.body.op, input: input.make(frame), nnc };
      const task = { run, cause: null, meta: spec.meta, prf: NO_PROOFS };
      return this.#builder.add({ task, module: cid, label, group: spec.name }, place);
    };
  }

  #world(inside: string | undefined): World {
    const { imports, source } = this.#context;
    return {
      imports,
      instructions: (task) => this.#made.get(task)!,
      relation: (from) => relationOf(from, inside, this.#families),
      fail: failing(source),
    };
  }
}

/** Makes one task and files it as a draft; gives its instruction. */
type Make = (cell: Cell, parts: readonly CID[], label: string) => CID;

/** `count[docs/a.md]`; of a map its `name`, its `id`, else the index stands for it. */
function itemLabel(name: string, { item, index }: Cell): string {
  const shown = isMap(item) ? (item['name'] ?? item['id']) : item;
  const written = typeof shown === 'string' || typeof shown === 'number' ? String(shown) : String(index);
  return `${name}[${written.length > LABEL_LENGTH ? `${written.slice(0, LABEL_LENGTH)}…` : written}]`;
}
