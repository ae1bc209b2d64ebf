/** A machine in virtual time: what `src/io/driver.ts` does, on an agenda. */
import type { Machine } from '../../../src/protocol/machine.ts';
import type { Agenda } from './agenda.ts';

export class Driven<Input, Effect> {
  readonly #machine: Machine<Input, Effect>;
  readonly #perform: (effect: Effect) => void;
  readonly #agenda: Agenda;
  #draining = false;
  #wakeAt = Infinity;
  #over = false;

  constructor(machine: Machine<Input, Effect>, perform: (effect: Effect) => void, agenda: Agenda) {
    this.#machine = machine;
    this.#perform = perform;
    this.#agenda = agenda;
  }

  feed(input: Input): void {
    if (this.#over) return;
    this.#machine.handle(input, this.#agenda.now);
    this.drain();
  }

  drain(): void {
    if (this.#draining || this.#over) return;
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

  #setTimer(): void {
    const deadline = this.#machine.deadline();
    // One that is set earlier than needed only looks and sets the next.
    if (deadline === undefined || this.#wakeAt <= deadline) return;
    this.#wakeAt = deadline;
    this.#agenda.at(deadline, () => {
      if (this.#over || this.#wakeAt !== deadline) return;
      this.#wakeAt = Infinity;
      const due = this.#machine.deadline();
      if (due !== undefined && due <= this.#agenda.now) this.#machine.expire(this.#agenda.now);
      this.drain();
    });
  }
}
