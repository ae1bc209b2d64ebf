/** Which drafts there are, and which one a session speaks: the only place that knows them by number. */
import type { Draft } from './draft.ts';
import { draft18 } from './draft18/draft18.ts';

const DRAFTS: readonly Draft[] = [draft18];

/** What to offer and accept in ALPN and WT-Available-Protocols, preferred first. @see moqt-18 #session-establishment */
export const PROTOCOLS: readonly string[] = DRAFTS.map(({ protocol }) => protocol);

/**
 * The draft that a transport session negotiated.
 * @param protocol - as ALPN or WebTransport names it, for example `moqt-18`.
 * @returns undefined when it is none of ours.
 */
export function negotiatedDraft(protocol: string): Draft | undefined {
  return DRAFTS.find((draft) => draft.protocol === protocol);
}
