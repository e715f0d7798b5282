/** Prometheus' text format as Homestar tells it in JSON: a counter is a gauge, and values are texts. */

type Labels = Readonly<Record<string, string>>;

type Datum =
  | { readonly type: 'metric'; readonly labels: Labels | null; readonly value: string }
  | { readonly type: 'Histogram'; readonly labels: Labels; readonly buckets: Labels; readonly count: string; readonly sum: string };

export interface MetricFamily {
  readonly metric_type: 'gauge' | 'histogram';
  readonly metric_name: string;
  readonly help: string;
  readonly data: readonly Datum[];
}

interface Sample {
  readonly name: string;
  readonly labels: Labels | null;
  readonly value: string;
}

/** Families whose names begin with `prefix`, of a text of ours. */
export function metricFamilies(text: string, prefix = ''): MetricFamily[] {
  // A family begins with its help, and has its type on the line below.
  return text.split(/^# HELP /m).flatMap((part) => {
    const [head = '', type = '', ...lines] = part.split('\n');
    const [, name = '', help = ''] = /^(\S+) (.*)$/.exec(head) ?? [];
    if (name === '' || !name.startsWith(prefix)) return [];
    const samples = lines.filter((line) => line !== '').map(sampleOf);
    const isHistogram = type.endsWith(' histogram');
    return [
      {
        metric_type: isHistogram ? 'histogram' : 'gauge',
        metric_name: name,
        help: unescaped(help),
        data: isHistogram ? histograms(name, samples) : samples.map(({ labels, value }) => ({ type: 'metric', labels, value })),
      },
    ];
  });
}

function sampleOf(line: string): Sample {
  const [, name = '', inner, value = ''] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (inner === undefined) return { name, labels: null, value };
  const labels = [...inner.matchAll(/([^=,]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, unescaped(text)]);
  return { name, labels: Object.fromEntries(labels) as Labels, value };
}

/** Each ends with its count. */
function histograms(name: string, samples: readonly Sample[]): Datum[] {
  const found: Datum[] = [];
  let buckets: Record<string, string> = {};
  let sum = '';
  for (const sample of samples) {
    const { le, ...labels } = sample.labels ?? {};
    if (le !== undefined) buckets[le] = sample.value;
    else if (sample.name === `${name}_sum`) sum = sample.value;
    else {
      found.push({ type: 'Histogram', labels, buckets, count: sample.value, sum });
      buckets = {};
    }
  }
  return found;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}
