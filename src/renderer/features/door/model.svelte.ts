import { untrack } from 'svelte';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { Problem } from '../../../contract/calls.ts';
import type { Result } from '../../../contract/result.ts';
import type { Caller, ParticipantId } from '../../../contract/state.ts';
import { Announcer } from './announcer.ts';
import { decides, words } from './words.ts';
import type { Door } from './words.ts';

/** What an organiser answers to somebody at the door. */
export type DoorAnswer = 'admit' | 'decline';

/** What the door needs of the window. */
export interface DoorShell {
  /** Makes the call that an answer stands for. */
  answer(answer: DoorAnswer, participant: ParticipantId): Promise<Result<null, Problem>>;
  /** Says aloud who has come to the door. */
  announce(sentence: string): void;
  /** Says why an answer came to nothing. */
  failed(sentence: string): void;
}

/** Who waits at the door, and what one has answered. */
export class DoorModel {
  readonly #door: () => Door;
  readonly #shell: DoorShell;
  /** Answers whose effect is not there yet. */
  readonly #answers = new SvelteMap<ParticipantId, DoorAnswer>();
  /** Those whom the person has seen and put away. */
  readonly #hidden = new SvelteSet<ParticipantId>();
  /** Who waits, without those who were declined just now. */
  readonly callers: readonly Caller[] = $derived.by(() =>
    this.#door().door.filter(({ id }) => this.#answers.get(id) !== 'decline'),
  );
  /** Whom a person here is asked about. */
  readonly asked: readonly Caller[] = $derived.by(() =>
    decides(this.#door()) ? this.callers.filter(({ id }) => !this.#hidden.has(id)) : [],
  );
  readonly #announcer: Announcer;

  /** @param door - gives the newest state; read reactively. */
  constructor(door: () => Door, shell: DoorShell) {
    this.#door = door;
    this.#shell = shell;
    this.#announcer = new Announcer((callers) => {
      shell.announce(words.announce(callers, untrack(door)));
    });
    $effect(() => {
      const { door: callers } = this.#door();
      const mayAnswer = decides(this.#door());
      untrack(() => {
        this.#follow(callers, mayAnswer);
      });
    });
    $effect(() => () => {
      this.#announcer.close();
    });
  }

  /** Somebody was admitted here, and is on the way in. */
  isBeingLetIn({ id }: Caller): boolean {
    return this.#answers.get(id) === 'admit';
  }

  async answer(answer: DoorAnswer, { id }: Caller): Promise<void> {
    if (this.#answers.has(id)) return;
    this.#answers.set(id, answer);
    const outcome = await this.#shell.answer(answer, id);
    if (outcome.ok) return;
    this.#answers.delete(id);
    this.#shell.failed(outcome.problem.sentence);
  }

  /** Asks no more about those who wait now; they still stand in the list of people. */
  readonly hide = (): void => {
    for (const { id } of this.asked) this.#hidden.add(id);
  };

  #follow(callers: readonly Caller[], mayAnswer: boolean): void {
    const waits = (id: ParticipantId): boolean => callers.some((caller) => caller.id === id);
    for (const id of this.#answers.keys()) if (!waits(id) || !mayAnswer) this.#answers.delete(id);
    for (const id of this.#hidden) if (!waits(id)) this.#hidden.delete(id);
    this.#announcer.follow(callers);
  }
}
