import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Imports go to lower layers only; units of one layer do not know each other. ARCHITECTURE.md says what each holds. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors', 'base'],
  ['ipld', 'patch', 'telemetry'],
  ['workflow', 'manifest'],
  ['receipt', 'store'],
  ['protocol', 'ledger'],
  ['mesh', 'sandbox'],
  ['runner', 'process'],
  ['scheduler'],
  ['api', 'sdk', 'build'],
  ['agent', 'index'],
  ['cli'],
];
/** The one import inside a layer: what `base` throws stands in the registry of errors. */
const WITHIN_LAYER: readonly string[] = ['base → errors'];

/** Entry files of a process or thread, which is theirs alone: its end and its state are their own. */
const PROGRAMS: readonly string[] = ['runner/slot-process.ts', 'ledger/writer-thread.ts'];

const MOST_LINES = 500;

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');
const layerOf = new Map(LAYERS.flatMap((units, layer) => units.map((unit) => [unit, layer] as const)));

interface Source {
  /** Relative to `src/`. */
  readonly path: string;
  /** Without comments; strings are kept. */
  readonly code: string;
  readonly imports: readonly string[];
}

const COMMENT_OR_STRING = /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const SPECIFIER = /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*'(\.[^']*)'/g;

function readSource(file: string): Source {
  const text = readFileSync(file, 'utf8');
  const code = text.replace(COMMENT_OR_STRING, (found) => (found.startsWith('/') ? '' : found));
  const targets = [...code.matchAll(SPECIFIER)].map(([, specifier]) => join(dirname(file), specifier ?? ''));
  return {
    path: relative(src, file),
    code,
    imports: targets.filter((target) => target.endsWith('.ts')).map((target) => relative(src, target)),
  };
}

const withoutStrings = (code: string): string => code.replace(COMMENT_OR_STRING, "''");
const unitOf = (path: string): string => path.split('/')[0]?.replace(/\.ts$/, '') ?? '';
const sources = globSync(join(src, '**/*.ts')).toSorted().map(readSource);
const libraries = sources.filter(({ path }) => !PROGRAMS.includes(path));

test('the parser sees imports', () => {
  const main = sources.find(({ path }) => path === 'cli/main.ts');
  assert.ok(main?.imports.includes('errors.ts') && main.imports.includes('cli/commands/run.ts'), 'static and dynamic ones');
});

test('every folder has a layer', () => {
  assert.deepEqual(
    sources.map(({ path }) => path).filter((path) => !layerOf.has(unitOf(path))),
    [],
  );
});

test('every import names a file there is', () => {
  const known = new Set(sources.map(({ path }) => path));
  assert.deepEqual(
    sources.flatMap(({ path, imports }) => imports.filter((target) => !known.has(target)).map((target) => `${path} → ${target}`)),
    [],
  );
});

test('imports go to lower layers only', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter((target) => {
        const [from, to] = [unitOf(path), unitOf(target)];
        if (from === to || WITHIN_LAYER.includes(`${from} → ${to}`)) return false;
        return (layerOf.get(to) ?? 0) >= (layerOf.get(from) ?? 0);
      })
      .map((target) => `${path} → ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('no file imports itself, however far around', () => {
  const edges = new Map(sources.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
  assert.deepEqual(cycles, []);
});

test(`no file is longer than ${MOST_LINES} lines`, () => {
  const files = globSync('{src,test,scripts,bench,bin,guests}/**/*.{ts,cjs,js}', { cwd: root });
  const lines = (file: string): number => readFileSync(join(root, file), 'utf8').split('\n').length - 1;
  assert.deepEqual(
    files.filter((file) => lines(file) > MOST_LINES).map((file) => `${file}: ${lines(file)}`),
    [],
  );
});

test('only cli prints or exits', () => {
  const talks = /\bconsole\.|\bprocess\s*\.\s*(?:exit|exitCode|abort|stdout|stderr|stdin)\b/;
  assert.deepEqual(
    libraries.filter(({ path, code }) => unitOf(path) !== 'cli' && talks.test(withoutStrings(code))).map(({ path }) => path),
    [],
  );
});

test('no module has mutable state', () => {
  const state = /^(?:export )?(?:(?:let|var) .*|const \w+(?:: [^=\n]*)? = new (?:Map|Set|WeakMap|WeakSet)(?:<[^(\n]*>)?\(\).*)/gm;
  assert.deepEqual(
    libraries.flatMap(({ path, code }) => (withoutStrings(code).match(state) ?? []).map((line) => `${path}: ${line}`)),
    [],
  );
});
