/** A machine in virtual time: what `src/io/driver.ts` does, on an agenda. */
import type { Machine } from '../../../src/protocol/machine.ts';
import { millis, type Millis } from '../../../src/protocol/units.ts';
import type { Agenda } from './agenda.ts';

export class Driven<Input, Effect> {
  readonly #machine: Machine<Input, Effect>;
  readonly #perform: (effect: Effect) => void;
  readonly #agenda: Agenda;
  #draining = false;
  #wakeAt = Infinity;
  #over = false;
  /** What came while the process was halted. */
  #waiting: Input[] | undefined;
  /** How many halts have not ended. */
  #halts = 0;
  /** How much of the agenda's time the process's clock has not counted. */
  #behind = 0;
  /** What its clock showed last. */
  #shown = 0;

  constructor(machine: Machine<Input, Effect>, perform: (effect: Effect) => void, agenda: Agenda) {
    this.#machine = machine;
    this.#perform = perform;
    this.#agenda = agenda;
  }

  /** @param isMore - more comes at this very moment, and what follows from it is done after that. */
  feed(input: Input, isMore = false): void {
    if (this.#over) return;
    if (this.#waiting !== undefined) {
      this.#waiting.push(input);
      return;
    }
    this.#machine.handle(input, this.#clock());
    if (!isMore) this.drain();
  }

  drain(): void {
    if (this.#draining || this.#over || this.#waiting !== undefined) return;
    this.#draining = true;
    for (let effect = this.#machine.poll(); effect !== undefined; effect = this.#machine.poll())
      this.#perform(effect);
    this.#draining = false;
    this.#setTimer();
  }

  /** Nothing more is fed or performed, as when a process dies. */
  stop(): void {
    this.#over = true;
  }

  /** The process does nothing for a while; what comes meanwhile waits. @param counted - whether its clock goes on. */
  halt(duration: number, counted: boolean): void {
    this.#waiting ??= [];
    this.#halts += 1;
    this.#agenda.after(duration, () => {
      this.#halts -= 1;
      // One that begins in another and ends later counts from the end of the first.
      if (!counted) this.#behind += duration;
      if (this.#halts > 0) return;
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      if (this.#over) return;
      this.#expire();
      for (const input of waiting) this.feed(input);
    });
  }

  #clock(least = 0): Millis {
    this.#shown = Math.max(this.#shown, this.#agenda.now - this.#behind, least);
    return millis(this.#shown);
  }

  #expire(): void {
    const due = this.#machine.deadline();
    // Compared as the timer was set: `due + behind - behind` may round to less than `due`, which then would never come.
    if (due !== undefined && due + this.#behind <= this.#agenda.now) this.#machine.expire(this.#clock(due));
    this.drain();
  }

  #setTimer(): void {
    const due = this.#machine.deadline();
    const deadline = due && due + this.#behind;
    // One that is set earlier than needed only looks and sets the next.
    if (deadline === undefined || this.#wakeAt <= deadline) return;
    this.#wakeAt = deadline;
    this.#agenda.at(deadline, () => {
      if (this.#over || this.#wakeAt !== deadline) return;
      this.#wakeAt = Infinity;
      if (this.#waiting === undefined) this.#expire();
    });
  }
}
