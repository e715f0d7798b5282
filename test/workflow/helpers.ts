import assert from 'node:assert/strict';
import { DocketError, isDocketError, type Place } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { compile } from '../../src/workflow/compile.ts';
import type { Plan, PlannedTask } from '../../src/workflow/model.ts';
import { encodePlan } from '../../src/workflow/stored-plan.ts';
import type { Problem } from '../../src/workflow/problems.ts';
import type { Sources } from '../../src/workflow/sources.ts';

const encoder = new TextEncoder();

/** A store and a folder in memory: every file whose name does not say "missing" is there, its content its own path. */
export class MemorySources implements Sources {
  readonly files: string[] = [];
  readonly folders: { path: string; include?: readonly string[]; exclude?: readonly string[] }[] = [];
  readonly blobs: Uint8Array[] = [];
  readonly #globs: Readonly<Record<string, readonly string[]>>;

  constructor(globs: Readonly<Record<string, readonly string[]>> = {}) {
    this.#globs = globs;
  }

  async module(module: string | Cid.CID): Promise<Cid.CID | undefined> {
    if (typeof module === 'string' && /^(ipfs|https?):/.test(module)) return undefined;
    return typeof module === 'string' ? (await this.file(module)).cid : module;
  }

  async file(path: string): Promise<{ cid: Cid.CID; size: number; executable: boolean }> {
    this.files.push(path);
    if (path.includes('missing')) throw new DocketError('INPUT_UNREADABLE', `there is no file "${path}"`);
    return { cid: cidOfFile(path), size: path.length, executable: false };
  }

  async directory(path: string, options: { include?: readonly string[]; exclude?: readonly string[] }): Promise<Cid.CID> {
    this.folders.push({ path, ...options });
    return cidOfFolder(path);
  }

  async glob(pattern: string): Promise<readonly string[]> {
    return this.#globs[pattern] ?? [];
  }

  async blob(bytes: Uint8Array): Promise<Cid.CID> {
    this.blobs.push(bytes);
    return Cid.ofBlob(bytes);
  }
}

export function cidOfFile(path: string): Cid.CID {
  return Cid.ofBlob(encoder.encode(path));
}

export function cidOfFolder(path: string): Cid.CID {
  return Cid.ofTree(encoder.encode(path));
}

export interface Given {
  readonly file?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly sources?: Sources;
}

export function compileText(text: string, { file = 'flow.yaml', inputs = {}, sources = new MemorySources() }: Given = {}): Promise<Plan> {
  return compile(text, { file, inputs, sources });
}

/** The error that compiling `text` gives. */
export async function errorOf(text: string, given: Given = {}): Promise<DocketError> {
  const error: unknown = await compileText(text, given).then(
    () => assert.fail(`this was accepted:\n${text}`),
    (reason: unknown) => reason,
  );
  if (!isDocketError(error)) throw error;
  return error;
}

/** Every problem of `text`, as `line:column message`. */
export async function problemsOf(text: string, given: Given = {}): Promise<string[]> {
  const { details, message, place } = await errorOf(text, given);
  const problems = (details['problems'] as readonly Problem[] | undefined) ?? [{ message, place: place! }];
  return problems.map((problem) => `${at(problem.place)} ${problem.message}`);
}

export function at({ line, column }: Place): string {
  return `${line}:${column}`;
}

export function taskOf(plan: Plan, label: string): PlannedTask {
  const task = plan.tasks.find((candidate) => candidate.label === label);
  assert.ok(task, `no task ${label} among ${plan.tasks.map((candidate) => candidate.label).join(', ')}`);
  return task;
}

export function labelsOf(plan: Plan): string[] {
  return plan.tasks.map((task) => task.label);
}

/** Labels of the tasks that `label` awaits. */
export function awaitsOf(plan: Plan, label: string): string[] {
  return taskOf(plan, label).awaits.map(({ task }) => plan.tasks[task]!.label);
}

/** The stored form, whole. */
export async function encoded(plan: Plan): Promise<Uint8Array> {
  return Uint8Array.from(Buffer.concat(await Array.fromAsync(encodePlan(plan))));
}
