/** Calls to the counter that are repeated until it answers. */
import type { CounterFailure } from '../../counter/client.ts';
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';
import type { GroupStep } from '../progress.ts';
import { ask } from './asks.ts';
import type { Answer, AskKind, AskTypes, Job } from './asks.ts';
import type { Context } from './context.ts';
import { Backoff } from './timing.ts';

/** Whether an outcome is one of the failures that every call can end in. */
export function isFailure(outcome: { readonly kind: string }): outcome is CounterFailure {
  return ['unauthorized', 'busy', 'refused', 'unreachable'].includes(outcome.kind);
}

const STEPS: Readonly<Record<CounterFailure['kind'], GroupStep>> = {
  unauthorized: 'counter-unauthorized',
  refused: 'counter-refusing',
  busy: 'counter-unreachable',
  unreachable: 'counter-unreachable',
};

/** Reports a failure as a status. @returns how long to wait before the next call. */
export function reportFailure(context: Context, failure: CounterFailure, backoff: Backoff): Millis {
  context.emit({ kind: 'status', step: STEPS[failure.kind] });
  const wait = backoff.next();
  return failure.kind === 'busy' ? millis(Math.max(wait, failure.retryLaterMs)) : wait;
}

type CounterAsk = 'room' | 'probe' | 'lock' | 'increment' | 'history';

/** Repeats a call to the counter until it answers, with growing pauses. */
export function* insist<Kind extends AskKind & CounterAsk>(
  context: Context,
  kind: Kind,
  input: AskTypes[Kind][0],
): Job<Exclude<Answer<Kind>, CounterFailure>> {
  const { backoff: first, backoffMost } = context.options.timing;
  const backoff = new Backoff(first, backoffMost);
  for (;;) {
    const outcome = yield* ask(kind, input);
    if (!isFailure(outcome)) return outcome as Exclude<Answer<Kind>, CounterFailure>;
    yield* sleep(context, reportFailure(context, outcome, backoff));
  }
}

/** Pauses a job. */
export function* sleep(context: Context, wait: Millis): Job<undefined> {
  return yield* ask('sleep', { until: millis(context.now + wait) });
}
