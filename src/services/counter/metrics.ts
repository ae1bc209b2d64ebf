import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { createRegistry } from '../metrics.ts';

/** Upper bounds of the latency histogram, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Values of the moment, asked for at each scrape. */
export interface CounterGauges {
  readonly connections: () => number;
  readonly rateLimitedClients: () => number;
}

/** Metrics of the counter service. Routes and results come from fixed lists, so the memory is bounded. */
export class CounterMetrics {
  readonly registry: Registry = createRegistry();
  readonly #answers: Counter<'route' | 'result'>;
  readonly #seconds: Histogram;

  constructor({ connections, rateLimitedClients }: CounterGauges) {
    const registers = [this.registry];
    this.#answers = new Counter({
      name: 'conclave_counter_answers_total',
      help: 'Answers by route and result.',
      labelNames: ['route', 'result'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'conclave_counter_answer_seconds',
      help: 'Time from a request to its answer.',
      buckets: BUCKETS,
      registers,
    });
    new Gauge({
      name: 'conclave_counter_connections',
      help: 'Open connections.',
      registers,
      collect() {
        this.set(connections());
      },
    });
    new Gauge({
      name: 'conclave_counter_rate_limited_clients',
      help: 'Addresses that the rate limiter remembers.',
      registers,
      collect() {
        this.set(rateLimitedClients());
      },
    });
  }

  /**
   * Counts an answer.
   * @param route - name of a route.
   * @param result - `ok` or the name of a problem.
   * @param seconds - from the request's head to its answer.
   */
  countAnswer(route: string, result: string, seconds: number): void {
    this.#answers.inc({ route, result });
    this.#seconds.observe(seconds);
  }
}
