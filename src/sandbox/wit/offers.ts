/** Which interfaces a component may import: those Docket gives it. Sockets and HTTP are not among them. */

const PREVIEW2: ReadonlySet<string> = new Set([
  ...['error', 'poll', 'streams'].map((name) => `io/${name}`),
  ...['environment', 'exit', 'stdin', 'stdout', 'stderr'].map((name) => `cli/${name}`),
  ...['input', 'output', 'stdin', 'stdout', 'stderr'].map((name) => `cli/terminal-${name}`),
  ...['wall-clock', 'monotonic-clock'].map((name) => `clocks/${name}`),
  ...['types', 'preopens'].map((name) => `filesystem/${name}`),
  ...['random', 'insecure', 'insecure-seed'].map((name) => `random/${name}`),
]);

/** `logging` never got a version that is final; the helpers of Homestar 0.3 and of its later head are two. */
const OTHERS: ReadonlySet<string> = new Set([
  'wasi:logging/logging',
  'wasi:logging/logging@0.1.0-draft',
  'homestar:host/helpers@0.0.1',
  'homestar:host/helpers@0.1.1',
]);

/** Whether Docket offers the interface, by its full name: `wasi:io/poll@0.2.0`. Functions imported by themselves are nobody's to offer. */
export function isOffered(name: string): boolean {
  const [, path = ''] = /^wasi:([a-z-]+\/[a-z-]+)@0\.2\.\d+$/.exec(name) ?? [];
  return PREVIEW2.has(path) || OTHERS.has(name);
}
