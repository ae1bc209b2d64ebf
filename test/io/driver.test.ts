import { beforeEach, describe, expect, test } from 'vitest';
import { Driver } from '../../src/io/driver.ts';
import type { Machine } from '../../src/protocol/machine.ts';
import { millis, type Millis } from '../../src/protocol/units.ts';
import { settled, VirtualClock } from '../harness/moqt/linked-transport.ts';

/** A machine that says what is done to it, and wants what each input tells it to want. */
class Script implements Machine<Input, string> {
  readonly log: string[] = [];
  wake: Millis | undefined;
  readonly #effects: string[] = [];

  handle(input: Input, now: Millis): void {
    this.log.push(`${input.name} at ${String(now)}`);
    if (input.name === 'faulty') throw new Error('a fault of our own');
    this.#effects.push(...(input.wants ?? []));
    if (input.wake !== undefined) this.wake = millis(input.wake);
  }

  poll(): string | undefined {
    return this.#effects.shift();
  }

  deadline(): Millis | undefined {
    return this.wake;
  }

  expire(now: Millis): void {
    this.log.push(`expired at ${String(now)}`);
    this.wake = undefined;
    this.#effects.push('expired');
  }
}

interface Input {
  readonly name: string;
  readonly wants?: readonly string[];
  readonly wake?: number;
}

/** Counts the timers that stand. */
class CountingClock extends VirtualClock {
  standing = 0;

  override after(duration: Millis, run: () => void): () => void {
    this.standing += 1;
    let stands = true;
    const over = (): void => {
      if (stands) this.standing -= 1;
      stands = false;
    };
    const stop = super.after(duration, () => {
      over();
      run();
    });
    return () => {
      over();
      stop();
    };
  }
}

let clock: CountingClock;
let machine: Script;
let performed: string[];
let faults: unknown[];
let perform: (effect: string) => void;
let driver: Driver<Input, string>;
beforeEach(() => {
  clock = new CountingClock();
  machine = new Script();
  performed = [];
  faults = [];
  perform = () => undefined;
  driver = new Driver<Input, string>(
    machine,
    {
      perform: (effect) => {
        performed.push(effect);
        perform(effect);
      },
      fault: (error) => void faults.push(error),
    },
    clock,
  );
});

describe('a driver', () => {
  test('hands inputs over at once and performs what all of them want, in order, soon after', async () => {
    driver.feed({ name: 'one', wants: ['a', 'b'] });
    driver.feed({ name: 'two', wants: ['c'] });
    expect([machine.log, performed]).toEqual([['one at 0', 'two at 0'], []]);
    await settled();
    expect(performed).toEqual(['a', 'b', 'c']);
  });

  test('performs at once when asked to, and nothing twice', async () => {
    driver.feed({ name: 'one', wants: ['a'] });
    driver.drain();
    expect(performed).toEqual(['a']);
    await settled();
    expect(performed).toEqual(['a']);
  });

  test('takes inputs while it performs: what they want comes after what was there', async () => {
    perform = (effect) => {
      if (effect === 'a') driver.feed({ name: 'answer', wants: ['d'] });
    };
    driver.feed({ name: 'one', wants: ['a', 'b'] });
    driver.feed({ name: 'two', wants: ['c'] });
    await settled();
    expect(machine.log).toEqual(['one at 0', 'two at 0', 'answer at 0']);
    expect(performed).toEqual(['a', 'b', 'c', 'd']);
  });

  test('wakes the machine at its deadline, and performs what follows', async () => {
    driver.feed({ name: 'one', wake: 100 });
    await clock.pass(99);
    expect(machine.log).toEqual(['one at 0']);
    await clock.pass(1);
    expect([machine.log, performed]).toEqual([['one at 0', 'expired at 100'], ['expired']]);
    expect(clock.standing).toBe(0);
  });

  test('has one timer, which follows the deadline', async () => {
    driver.feed({ name: 'one', wake: 100 });
    await clock.pass(10);
    expect(clock.standing).toBe(1);
    driver.feed({ name: 'earlier', wake: 50 });
    await clock.pass(10);
    expect(clock.standing).toBe(1);
    await clock.pass(30);
    expect(machine.log.at(-1)).toBe('expired at 50');
    driver.feed({ name: 'again', wake: 200 });
    await clock.pass(10);
    driver.feed({ name: 'later', wake: 300 });
    await clock.pass(239);
    expect(machine.log.at(-1)).toBe('later at 60');
    await clock.pass(1);
    expect(machine.log.at(-1)).toBe('expired at 300');
  });

  test('wakes it for a deadline that has passed already', async () => {
    await clock.pass(500);
    driver.feed({ name: 'one', wake: 100 });
    await clock.pass(0);
    expect(machine.log).toEqual(['one at 500', 'expired at 500']);
  });

  test('that was stopped feeds and performs nothing, nor does it wake', async () => {
    perform = (effect) => {
      if (effect === 'last') driver.stop();
    };
    driver.feed({ name: 'timer', wake: 100 });
    await settled();
    driver.feed({ name: 'one', wants: ['last', 'never'] });
    await settled();
    expect(clock.standing).toBe(0);
    driver.feed({ name: 'never' });
    driver.drain();
    await clock.pass(1_000);
    expect(machine.log).toEqual(['timer at 0', 'one at 0']);
    expect([performed, driver.stopped, faults]).toEqual([['last'], true, []]);
  });

  test('stops at a fault of the machine, and says it once', async () => {
    driver.feed({ name: 'timer', wake: 100 });
    await settled();
    driver.feed({ name: 'one', wants: ['never'] });
    driver.feed({ name: 'faulty' });
    driver.feed({ name: 'never' });
    await clock.pass(1_000);
    expect(machine.log).toEqual(['timer at 0', 'one at 0', 'faulty at 0']);
    expect([performed, driver.stopped, clock.standing]).toEqual([[], true, 0]);
    expect(faults).toEqual([new Error('a fault of our own')]);
  });

  test('stops at a fault of what performs', async () => {
    perform = () => {
      throw new Error('cannot be performed');
    };
    driver.feed({ name: 'one', wants: ['a', 'b'] });
    await settled();
    expect([performed, driver.stopped]).toEqual([['a'], true]);
    expect(faults).toEqual([new Error('cannot be performed')]);
  });

  test('stops at a fault that waking brings out', async () => {
    machine.expire = () => {
      throw new Error('cannot wake');
    };
    driver.feed({ name: 'one', wake: 100 });
    await clock.pass(100);
    expect([driver.stopped, faults]).toEqual([true, [new Error('cannot wake')]]);
  });
});
