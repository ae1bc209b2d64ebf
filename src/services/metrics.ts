/** What `/metrics` of both services serves: metrics of their own, and those of the process. */
import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry that holds `process_*` and `nodejs_*`; a service adds its own. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
