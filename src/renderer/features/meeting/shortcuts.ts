import { words } from './words.ts';

/** What a key does in a meeting. */
export type MeetingAction =
  | 'microphone'
  | 'camera'
  | 'people'
  | 'security'
  | 'invite'
  | 'full-screen'
  | 'previous-page'
  | 'next-page'
  | 'shortcuts'
  | 'leave';

/** One key and what it does. */
export interface Shortcut {
  readonly action: MeetingAction;
  /** As the key is called on the screen and in `aria-keyshortcuts`. */
  readonly keys: string;
  readonly label: string;
}

/** All of them, in the order they are shown in. */
export const shortcuts: readonly Shortcut[] = [
  { action: 'microphone', keys: 'M', label: `${words.mute} / ${words.unmute}` },
  { action: 'camera', keys: 'V', label: `${words.cameraOn} / ${words.cameraOff}` },
  { action: 'people', keys: 'P', label: words.people },
  { action: 'security', keys: 'S', label: 'Security' },
  { action: 'invite', keys: 'I', label: words.copyInvitation },
  { action: 'full-screen', keys: 'F', label: words.fullScreen },
  { action: 'previous-page', keys: 'PageUp', label: words.previousPage },
  { action: 'next-page', keys: 'PageDown', label: words.nextPage },
  { action: 'shortcuts', keys: '?', label: words.shortcuts },
  { action: 'leave', keys: 'Shift+L', label: words.leave },
];

/** The keys of an action, for tooltips. */
export function keysOf(action: MeetingAction): string {
  return shortcuts.find((shortcut) => shortcut.action === action)?.keys ?? '';
}

/** Of a keyboard event, what decides. */
export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** @returns undefined when the key means nothing here; the system's own combinations never do. */
export function actionFor(press: KeyPress): MeetingAction | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey) return undefined;
  const key = press.key.length === 1 ? press.key.toUpperCase() : press.key;
  const keys = press.shiftKey && key !== '?' ? `Shift+${key}` : key;
  return shortcuts.find((shortcut) => shortcut.keys === keys)?.action;
}
