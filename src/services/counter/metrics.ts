/** Upper bounds of the latency histogram, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Numbers for Prometheus. Routes and results come from fixed lists, so the memory is bounded. */
export class CounterMetrics {
  readonly #answers = new Map<string, number>();
  readonly #durations = BUCKETS.map(() => 0);
  #durationSum = 0;
  #durationCount = 0;

  /**
   * Counts an answer.
   * @param route - name of a route.
   * @param result - `ok` or the name of a problem.
   * @param seconds - from the request's head to its answer.
   */
  countAnswer(route: string, result: string, seconds: number): void {
    const labels = `route="${route}",result="${result}"`;
    this.#answers.set(labels, (this.#answers.get(labels) ?? 0) + 1);
    BUCKETS.forEach((bound, index) => {
      if (seconds <= bound) this.#durations[index] = (this.#durations[index] ?? 0) + 1;
    });
    this.#durationSum += seconds;
    this.#durationCount += 1;
  }

  /**
   * The numbers as a page.
   * @param gauges - values of the moment, by full metric name.
   * @see https://prometheus.io/docs/instrumenting/exposition_formats/
   */
  render(gauges: Readonly<Record<string, { readonly help: string; readonly value: number }>>): string {
    const lines = [
      '# HELP conclave_counter_answers_total Answers by route and result.',
      '# TYPE conclave_counter_answers_total counter',
      ...[...this.#answers].map(
        ([labels, count]) => `conclave_counter_answers_total{${labels}} ${String(count)}`,
      ),
      '# HELP conclave_counter_answer_seconds Time from a request to its answer.',
      '# TYPE conclave_counter_answer_seconds histogram',
      ...BUCKETS.map(
        (bound, index) =>
          `conclave_counter_answer_seconds_bucket{le="${String(bound)}"} ${String(this.#durations[index] ?? 0)}`,
      ),
      `conclave_counter_answer_seconds_bucket{le="+Inf"} ${String(this.#durationCount)}`,
      `conclave_counter_answer_seconds_sum ${String(this.#durationSum)}`,
      `conclave_counter_answer_seconds_count ${String(this.#durationCount)}`,
      ...Object.entries(gauges).flatMap(([name, { help, value }]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} gauge`,
        `${name} ${String(value)}`,
      ]),
    ];
    return `${lines.join('\n')}\n`;
  }
}
