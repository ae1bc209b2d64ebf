/** Time for machines. */
import { performance } from 'node:perf_hooks';
import { millis, type Millis } from '../protocol/units.ts';

/** Monotonic time and timers; tests give their own. */
export interface Clock {
  now(): Millis;
  /** @returns what stops it. */
  after(duration: Millis, run: () => void): () => void;
}

/** `setTimeout` takes no more; whoever waits longer is called early and waits again. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** Monotonic time of this process. A waiting timer does not keep the process alive. */
export const systemClock: Clock = {
  now: () => millis(performance.now()),
  after: (duration, run) => {
    // Rounded up: a timer that rings before its deadline would only be set again.
    const timer = setTimeout(run, Math.min(Math.ceil(duration), MAX_TIMER_MS));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
