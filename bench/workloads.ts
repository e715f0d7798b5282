import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../src/agent/engine.ts';
import type { CID } from '../src/ipld/cid.ts';
import type { Ipld } from '../src/ipld/value.ts';
import type { Plan, Task } from '../src/workflow/model.ts';
import { PlanBuilder } from '../src/workflow/plan.ts';
import { ROOT } from '../scripts/run-command.ts';

/** Bytes of a guest that `scripts/build-guests.ts` made. */
export function guest(name: string): Buffer {
  return readFileSync(join(ROOT, 'build', 'guests', `${name}.wasm`));
}

/** An engine on a home of its own, removed with it. */
export async function openEngine(): Promise<{ readonly engine: Engine } & AsyncDisposable> {
  const home = mkdtempSync(join(tmpdir(), 'docket-bench-'));
  const engine = await Engine.open({ home });
  engine.ledger.warm();
  return {
    engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Independent tasks that do nothing; each is another task by its nonce, a number from `first` on. */
export function flatPlan(noop: CID, count: number, first = 0): Plan {
  const add = planner('flat', noop);
  for (let i = 0; i < count; i++) add.task({ func: 'noop', args: [] }, String(first + i));
  return add.finish();
}

/** Each task adds 1 to what the one before gave. */
export function chainPlan(numeric: CID, length: number, start: number): Plan {
  const add = planner('chain', numeric);
  let last: Ipld = start;
  for (let i = 0; i < length; i++) last = { 'await/ok': add.task({ func: 'add', args: [last, 1] }, '') };
  return add.finish();
}

function planner(group: string, module: CID): { task(input: Ipld, nnc: string): CID; finish(): Plan } {
  const builder = new PlanBuilder();
  const meta = {};
  const prf: Task['prf'] = [];
  const rsc = `ipfs://${module}`;
  let count = 0;
  return {
    task(input, nnc) {
      const task: Task = { run: { rsc, op: 'wasm/run', input, nnc }, cause: null, meta, prf };
      return builder.add({ task, module, label: `${group}[${count++}]`, group });
    },
    finish: () => builder.finish({ name: group }),
  };
}
