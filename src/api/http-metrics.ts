import type { Count, Distribution, Metrics } from '../telemetry/metrics.ts';

/** Seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts a reply: its status, and how long (ms) it took until all of it was handed over. */
export type Watch = (method: string | undefined, status: number, ms: number) => void;

/** Requests by the pattern of their route, never by their path: there are as many paths as anybody likes to send. */
export class HttpMetrics {
  readonly #requests;
  readonly #seconds;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter({
      name: 'docket_http_requests_total',
      help: 'Requests that were answered, by the pattern of their route, method and status.',
    });
    this.#seconds = metrics.histogram(
      { name: 'docket_http_request_duration_seconds', help: 'Time from the headers of a request to the end of its reply.' },
      BOUNDS,
    );
  }

  /** For the requests of one route; look-ups are done once for each method and status. */
  of(route: string): Watch {
    const counts = new Map<string, Map<number, Count>>();
    let seconds: Distribution | undefined;
    return (asked, status, ms) => {
      const method = asked !== undefined && METHODS.has(asked) ? asked : 'other';
      let byStatus = counts.get(method);
      if (byStatus === undefined) counts.set(method, (byStatus = new Map()));
      let count = byStatus.get(status);
      if (count === undefined) byStatus.set(status, (count = this.#requests({ route, method, status: String(status) })));
      count.add();
      // Made at the first request: a route that nobody asks for takes no room in what is told.
      (seconds ??= this.#seconds({ route })).observe(ms / 1000);
    };
  }
}
