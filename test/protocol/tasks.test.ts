import { beforeEach, describe, expect, test } from 'vitest';
import { pause, Pending, settled, settledUntil, Tasks, type Task } from '../../src/protocol/tasks.ts';
import { millis } from '../../src/protocol/units.ts';

describe('a pending value', () => {
  test('is there once: a second one is ignored', () => {
    const pending = new Pending<string>();
    expect(pending.settled).toBeUndefined();
    pending.settle('first');
    pending.settle('second');
    expect(pending.settled).toEqual({ value: 'first' });
  });

  test('is given to all who wait, in order, and at once to who comes later', () => {
    const pending = new Pending<number>();
    const given: string[] = [];
    pending.whenSettled((value) => given.push(`a${String(value)}`));
    pending.whenSettled((value) => given.push(`b${String(value)}`));
    expect(given).toEqual([]);
    pending.settle(1);
    pending.settle(2);
    pending.whenSettled((value) => given.push(`c${String(value)}`));
    expect(given).toEqual(['a1', 'b1', 'c1']);
  });

  test('may be there from the beginning, and may be nothing', () => {
    expect(Pending.of(undefined).settled).toEqual({ value: undefined });
  });
});

let tasks: Tasks;
let log: string[];
beforeEach(() => {
  tasks = new Tasks();
  log = [];
});

/** Lets the machine's time be this. */
function at(now: number): void {
  tasks.advance(millis(now));
  tasks.run();
}

function* saying(name: string, ...waits: readonly Task[]): Task<string> {
  for (const [index, wait] of waits.entries()) {
    log.push(`${name}${String(index)}`);
    yield* wait;
  }
  log.push(`${name} over`);
  return name;
}

describe('a task', () => {
  test('runs to its first wait when it starts, and on in run, never within what settles', () => {
    const pending = new Pending<number>();
    const result = tasks.start(
      (function* (): Task<number> {
        log.push('begins');
        const value = yield* settled(pending);
        log.push('goes on');
        return value * 2;
      })(),
    );
    expect([log, result.settled, tasks.run()]).toEqual([['begins'], undefined, false]);
    pending.settle(21);
    expect(log).toEqual(['begins']);
    expect([tasks.run(), log, result.settled]).toEqual([true, ['begins', 'goes on'], { value: 42 }]);
    expect(tasks.run()).toBe(false);
  });

  test('does not wait for what is there', () => {
    const result = tasks.start(settled(Pending.of('there')));
    expect([result.settled, tasks.deadline()]).toEqual([{ value: 'there' }, undefined]);
  });

  test('goes on when its time has come, not earlier', () => {
    tasks.advance(millis(100));
    const result = tasks.start(saying('a', pause(tasks.after(50)), pause(millis(400))));
    expect(tasks.deadline()).toBe(150);
    at(149);
    expect(log).toEqual(['a0']);
    at(150);
    expect([log, tasks.deadline()]).toEqual([['a0', 'a1'], 400]);
    at(1_000);
    expect([result.settled, tasks.deadline()]).toEqual([{ value: 'a' }, undefined]);
  });

  test('that waits for a value until a time is told which came first', () => {
    const pending = [new Pending<string>(), new Pending<string>(), Pending.of('there')];
    const results = pending.map((each) => tasks.start(settledUntil(each, millis(10))));
    expect(results[2]?.settled).toEqual({ value: 'there' });
    pending[0]?.settle('in time');
    tasks.run();
    expect(results[0]?.settled).toEqual({ value: 'in time' });
    at(9);
    expect(results[1]?.settled).toBeUndefined();
    at(10);
    expect(results[1]?.settled).toEqual({ value: undefined });
  });

  test('is resumed by nothing that settles after its time', () => {
    const late = new Pending<string>();
    const other = new Pending<string>();
    const result = tasks.start(
      (function* (): Task<string> {
        yield* settledUntil(late, millis(10));
        log.push('too late');
        return yield* settled(other);
      })(),
    );
    at(10);
    late.settle('late');
    expect([tasks.run(), result.settled, log]).toEqual([false, undefined, ['too late']]);
    other.settle('other');
    tasks.run();
    expect(result.settled).toEqual({ value: 'other' });
  });

  test('is resumed once where value and time come together', () => {
    const pending = new Pending<string>();
    let resumed = 0;
    tasks.start(
      (function* (): Task {
        yield { pending, until: millis(10) };
        resumed += 1;
        yield { until: millis(20) };
        resumed += 1;
      })(),
    );
    pending.settle('now');
    at(10);
    expect(resumed).toBe(1);
    at(20);
    expect(resumed).toBe(2);
  });
});

describe('tasks', () => {
  test('go on in the order in which they were woken, until all wait', () => {
    const [first, second] = [new Pending<number>(), new Pending<number>()];
    tasks.start(
      (function* (): Task {
        yield* settled(first);
        log.push('a');
      })(),
    );
    tasks.start(
      (function* (): Task {
        yield* settled(second);
        log.push('b');
        // What one task settles lets the other go on in the same run.
        first.settle(1);
      })(),
    );
    second.settle(2);
    tasks.run();
    expect(log).toEqual(['b', 'a']);
  });

  test('may start others, whose times count as theirs do', () => {
    tasks.start(
      (function* (): Task {
        yield* pause(millis(5));
        tasks.start(saying('child', pause(millis(7))));
        yield* pause(millis(9));
      })(),
    );
    expect(tasks.deadline()).toBe(5);
    at(5);
    expect([log, tasks.deadline()]).toEqual([['child0'], 7]);
    at(7);
    expect([log, tasks.deadline()]).toEqual([['child0', 'child over'], 9]);
  });

  test('that are given up are resumed by nothing, though they were about to be', () => {
    const pending = new Pending<number>();
    const ready = new Pending<number>();
    const results = [
      tasks.start(settled(pending)),
      tasks.start(settled(ready)),
      tasks.start(settledUntil(new Pending<number>(), millis(10))),
    ];
    ready.settle(1);
    tasks.clear();
    pending.settle(2);
    expect(tasks.deadline()).toBeUndefined();
    tasks.advance(millis(100));
    expect(tasks.run()).toBe(false);
    expect(results.map((result) => result.settled)).toEqual([undefined, undefined, undefined]);
    // What is started from then on is not concerned.
    expect(tasks.start(settled(Pending.of(3))).settled).toEqual({ value: 3 });
  });

  test('that give up all, themselves among them, are resumed by nothing either', () => {
    const pending = new Pending<number>();
    tasks.start(
      (function* (): Task {
        yield* pause(millis(5));
        tasks.clear();
        yield* settledUntil(pending, millis(10));
        log.push('resumed');
      })(),
    );
    at(5);
    pending.settle(1);
    at(10);
    expect([log, tasks.deadline()]).toEqual([[], undefined]);
  });
});
