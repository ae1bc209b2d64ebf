/** Keys and clicks of a meeting's window, as the platform tells of them. */
import type { MediaModel } from '../../app/media.svelte.ts';
import type { MeetingModel } from './model.svelte.ts';
import { actionFor } from './shortcuts.ts';
import { stepTalkKey } from './talk-key.ts';
import type { KeyPlace, TalkKey, TalkKeyEvent } from './talk-key.ts';

/** Follows the window's keyboard while one is in a meeting. */
export class MeetingKeyboard {
  readonly #model: Pick<MeetingModel, 'act' | 'escape'>;
  readonly #media: Pick<MediaModel, 'isOn' | 'speak'>;
  #talkKey: TalkKey = 'up';

  constructor(model: Pick<MeetingModel, 'act' | 'escape'>, media: Pick<MediaModel, 'isOn' | 'speak'>) {
    this.#model = model;
    this.#media = media;
  }

  /**
   * Listens from the window downwards, so that nothing inside can hide the release of a key.
   * @returns a function that ends it, and with it a talk key that is still held.
   */
  listen(): () => void {
    const listening = new AbortController();
    const options = { capture: true, signal: listening.signal };
    const lose = (): void => {
      this.#stepTalkKey({ kind: 'lost' });
    };
    window.addEventListener('keydown', this.#keyDown, options);
    window.addEventListener('keyup', this.#keyUp, options);
    window.addEventListener('mousedown', leaveNoFocus, options);
    window.addEventListener('blur', lose, { signal: listening.signal });
    document.addEventListener('visibilitychange', lose, options);
    return () => {
      listening.abort();
      lose();
    };
  }

  readonly #keyDown = (event: KeyboardEvent): void => {
    const place = placeOf(event.target);
    const { repeat } = event;
    if (isTalkKey(event)) {
      const combined = event.ctrlKey || event.altKey || event.metaKey;
      const microphoneOn = this.#media.isOn('microphone');
      if (this.#stepTalkKey({ kind: 'down', place, repeat, combined, microphoneOn })) take(event);
      return;
    }
    if (systemModifiers.has(event.key)) this.#stepTalkKey({ kind: 'lost' });
    if (place === 'text' || place === 'dialog') return;
    if (event.key === 'Escape') {
      this.#model.escape();
      return;
    }
    const action = actionFor(event);
    if (action === undefined || repeat) return;
    event.preventDefault();
    this.#model.act(action);
  };

  readonly #keyUp = (event: KeyboardEvent): void => {
    if (isTalkKey(event) && this.#stepTalkKey({ kind: 'up', place: placeOf(event.target) })) take(event);
  };

  /** @returns whether the event is taken. */
  #stepTalkKey(event: TalkKeyEvent): boolean {
    const { key, taken, does } = stepTalkKey(this.#talkKey, event);
    this.#talkKey = key;
    if (does !== undefined) this.#media.speak(does);
    return taken;
  }
}

/** With one of these held, macOS tells of no other key's release. */
const systemModifiers: ReadonlySet<string> = new Set(['Meta', 'Control', 'Alt', 'AltGraph', 'OS']);

/** By its place too: with other modifiers held, some layouts give the same key another character. */
function isTalkKey({ code, key }: KeyboardEvent): boolean {
  return code === 'Space' || key === ' ';
}

function take(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

function placeOf(target: EventTarget | null): KeyPlace {
  if (document.querySelector('dialog:modal') !== null) return 'dialog';
  if (!(target instanceof HTMLElement)) return 'page';
  if (target.matches('input, select, textarea') || target.isContentEditable) return 'text';
  if (target.closest('[data-microphone]') !== null) return 'microphone';
  return target.closest('button, summary, a[href]') === null ? 'page' : 'control';
}

/** A click takes the focus from where it was and leaves it nowhere, so that Space talks afterwards. */
function leaveNoFocus(event: MouseEvent): void {
  const { target } = event;
  if (!(target instanceof Element) || target.closest('button, summary') === null) return;
  if (target.closest('dialog') !== null) return;
  event.preventDefault();
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}
