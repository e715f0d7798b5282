/**
 * Numbers an agent tells of itself, in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
 * Written by hand: the library for it keeps its registry at module level, and takes ten times as long to count.
 */

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

interface Spec {
  readonly name: string;
  readonly help: string;
}

/** One number of a counter, to be kept by who counts often. */
export interface Count {
  /** `amount` is not negative; default 1. */
  add(amount?: number): void;
}

/** One distribution of a histogram. */
export interface Distribution {
  observe(value: number): void;
}

interface Family extends Spec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly lines: (name: string) => string | Promise<string>;
}

/** All numbers of one agent: two agents in one process have one each. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  /** Only grows. Gives the number for these labels, which is there from then on. */
  counter(spec: Spec): (labels?: Labels) => Count {
    const cells = new Map<string, { value: number }>();
    this.#add({ ...spec, type: 'counter', lines: (name) => [...cells].map(([labels, { value }]) => line(name, labels, value)).join('') });
    return (labels = {}) => {
      const cell = remembered(cells, written(labels), () => ({ value: 0 }));
      return { add: (amount = 1) => void (cell.value += amount) };
    };
  }

  /** As `counter`, for what is counted elsewhere: read whenever it is asked for. */
  countedBy(spec: Spec, read: () => readonly Sample[]): void {
    this.#add({ ...spec, type: 'counter', lines: (name) => samples(name, read()) });
  }

  /** Goes up and down; read whenever it is asked for. What is not known gives no sample. */
  gauge(spec: Spec, read: () => readonly Sample[] | Promise<readonly Sample[]>): void {
    this.#add({ ...spec, type: 'gauge', lines: async (name) => samples(name, await read()) });
  }

  /** `bounds` are the upper ends of its buckets, in order. */
  histogram(spec: Spec, bounds: readonly number[]): (labels?: Labels) => Distribution {
    const cells = new Map<string, Buckets>();
    this.#add({ ...spec, type: 'histogram', lines: (name) => [...cells].map(([labels, cell]) => cell.lines(name, labels)).join('') });
    return (labels = {}) => remembered(cells, written(labels), () => new Buckets(bounds));
  }

  /** Everything, as one document. */
  async text(): Promise<string> {
    const parts = [...this.#families.values()].map(
      async ({ name, help, type, lines }) => `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${await lines(name)}`,
    );
    return (await Promise.all(parts)).join('');
  }

  #add(family: Family): void {
    if (this.#families.has(family.name)) throw new TypeError(`${family.name} is there already`);
    this.#families.set(family.name, family);
  }
}

class Buckets implements Distribution {
  readonly #bounds: readonly number[];
  /** How many fell into each, the last beyond all bounds. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.#bounds.length && value > this.#bounds[at]!) at++;
    this.#counts[at]!++;
    this.#sum += value;
  }

  lines(name: string, labels: string): string {
    let total = 0;
    const buckets = [...this.#bounds, Infinity].map((bound, i) => {
      total += this.#counts[i]!;
      return line(`${name}_bucket`, `${labels}${labels === '' ? '' : ','}le="${number(bound)}"`, total);
    });
    return [...buckets, line(`${name}_sum`, labels, this.#sum), line(`${name}_count`, labels, total)].join('');
  }
}

function remembered<T>(cells: Map<string, T>, key: string, make: () => T): T {
  const known = cells.get(key);
  if (known !== undefined) return known;
  const made = make();
  cells.set(key, made);
  return made;
}

function samples(name: string, read: readonly Sample[]): string {
  return read.map(([labels, value]) => line(name, written(labels), value)).join('');
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${number(value)}\n`;
}

function written(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
    .join(',');
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function number(value: number): string {
  return value === Infinity ? '+Inf' : String(value);
}
