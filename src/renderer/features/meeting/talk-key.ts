/**
 * The talk key, Space: whether a press of it is ours, and what it does to the microphone.
 *
 * Space belongs to what visibly has the keyboard: text is typed, a dialog's buttons are pressed, and so is a button that
 * one has tabbed to. Everywhere else it talks while held, also with a panel open. A click leaves no focus behind (see
 * `keyboard.ts`), so that after any click Space talks.
 *
 * On the microphone's own button Space talks too, where a press would otherwise leave the microphone on; while it is on,
 * Space mutes. Enter and M switch it either way. So Space never leaves a microphone on that was off.
 */

/** What has the keyboard. */
export type KeyPlace =
  /** Nothing that takes keys. */
  | 'page'
  /** The microphone's button. */
  | 'microphone'
  /** Another control, which Space presses. */
  | 'control'
  /** A field that one types or chooses in. */
  | 'text'
  /** A modal dialog. */
  | 'dialog';

/** `held`: it was pressed for us, and its release will be ours too. */
export type TalkKey = 'up' | 'held';

/** What happens to the key. */
export type TalkKeyEvent =
  | {
      readonly kind: 'down';
      readonly place: KeyPlace;
      /** The keyboard repeats a key that was held already. */
      readonly repeat: boolean;
      /** Control, Alt or Meta is held: a combination of the system. */
      readonly combined: boolean;
      readonly microphoneOn: boolean;
    }
  | { readonly kind: 'up'; readonly place: KeyPlace }
  /** Its release may go unseen: the window lost the keyboard, or another modifier is held (macOS then keeps it back). */
  | { readonly kind: 'lost' };

/** What comes of an event. */
export interface TalkKeyStep {
  readonly key: TalkKey;
  /** The event is ours: nothing else may act on it. */
  readonly taken: boolean;
  readonly does: 'talk' | 'hush' | 'mute' | undefined;
}

/** Takes one event of the talk key. */
export function stepTalkKey(key: TalkKey, event: TalkKeyEvent): TalkKeyStep {
  switch (event.kind) {
    case 'down':
      return press(key, event);
    case 'up':
      // A press that began elsewhere must not end as a click on the microphone's button either.
      if (key === 'held') return { key: 'up', taken: true, does: 'hush' };
      return { key: 'up', taken: event.place === 'microphone', does: undefined };
    case 'lost':
      return { key: 'up', taken: false, does: key === 'held' ? 'hush' : undefined };
  }
}

function press(key: TalkKey, event: TalkKeyEvent & { readonly kind: 'down' }): TalkKeyStep {
  const { place, repeat, combined, microphoneOn } = event;
  if (repeat && key === 'held') return { key, taken: true, does: undefined };
  // Pressed anew though held: its release was missed.
  const before = key === 'held' ? 'hush' : undefined;
  if (place !== 'page' && place !== 'microphone') return { key: 'up', taken: false, does: before };
  if (combined) return { key: 'up', taken: place === 'microphone', does: before };
  if (repeat) return { key: 'up', taken: true, does: undefined };
  return { key: 'held', taken: true, does: place === 'microphone' && microphoneOn ? 'mute' : 'talk' };
}
