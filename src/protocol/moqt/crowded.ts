/**
 * Why a relay closes a session that it has no room for. The registry of session codes has none for load, so the close says
 * INTERNAL_ERROR and the name that the other registries have, with whose load it is.
 * @see moqt-18 #iana-session-termination; docs/protocol.md
 */
import { SessionCode } from './codes.ts';

/** What a relay has no more room for. */
export type Crowded = 'relay' | 'address';

/** The reasons of such a close; equal to these byte by byte. */
export const CROWDED_REASONS: Readonly<Record<Crowded, string>> = {
  relay: 'EXCESSIVE_LOAD: this relay is full or closing',
  address: 'EXCESSIVE_LOAD: too many sessions from this address',
};

/** What the relay has no room for, by how it closed a session; undefined: it had another reason. */
export function crowdedOf(code: number, reason: string): Crowded | undefined {
  if (code !== SessionCode.INTERNAL_ERROR) return undefined;
  return (['relay', 'address'] as const).find((each) => CROWDED_REASONS[each] === reason);
}
