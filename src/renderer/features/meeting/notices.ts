import type { MeetingState, Notice } from '../../../contract/state.ts';
import { decides, words as doorWords } from '../door/words.ts';
import { words } from './words.ts';

/** Something that happened and can be read again. */
export interface PastNotice {
  readonly key: string;
  /** ms since 1970. */
  readonly time: number;
  readonly sentence: string;
}

/** Of a meeting, what people are told when it changes. */
export type Settings = Pick<MeetingState & { readonly kind: 'in-meeting' }, 'role' | 'admission'>;

/** What has changed of who decides, and of who comes in; that one has become an organiser is among the meeting's own notices. */
export function describeSettings(before: Settings, now: Settings): readonly string[] {
  const sentences: string[] = [];
  if (decides(before) && !decides(now)) sentences.push(words.isOrganiserNoMore);
  if (before.admission !== now.admission)
    sentences.push(now.admission === 'ask' ? doorWords.locked : doorWords.unlocked);
  return sentences;
}

/** Everything that can be read again, oldest first. @param own - what this window noticed itself. */
export function pastNotices(notices: readonly Notice[], own: readonly PastNotice[]): readonly PastNotice[] {
  const told = notices.map(({ id, time, sentence }) => ({ key: `meeting ${String(id)}`, time, sentence }));
  return [...told, ...own].sort((a, b) => a.time - b.time);
}
