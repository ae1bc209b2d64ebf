/** With what the group of a room is made that a meeting moves to. */
import { equal } from '../bytes/equal.ts';
import { MAX_KICKED_KEYS } from '../group/meeting-parameters.ts';
import type { Member } from '../group/roster.ts';
import type { Founding } from './rooms-api.ts';
import type { MeetingView } from './view.ts';

/** As the old one is, without those who are left behind; undefined while there is none. */
export function foundingOf(
  view: MeetingView | undefined,
  coming: readonly Member[],
  leftBehind: readonly Member[],
): Founding | undefined {
  const parameters = view?.group?.parameters;
  if (parameters === undefined) return undefined;
  const { admission, kickedKeys } = parameters;
  const barred = [...kickedKeys, ...leftBehind.map(({ signatureKey }) => signatureKey)];
  return {
    admission,
    kickedKeys: barred.slice(-MAX_KICKED_KEYS),
    organisers: parameters.organisers.filter((organiser) =>
      coming.some(({ fingerprint }) => equal(fingerprint, organiser)),
    ),
  };
}
