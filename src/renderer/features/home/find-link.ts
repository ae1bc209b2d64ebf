/** Longest text that is searched; nobody pastes more to join a meeting. */
const MAX_TEXT = 20_000;

/**
 * Finds an invitation link in pasted text, such as an e-mail around it.
 * @returns the first link, without the punctuation that follows it; undefined when there is none.
 */
export function findLink(text: string): string | undefined {
  const match = /conclave:\/\/[^\s<>"'`|\\^{}]+/iu.exec(text.slice(0, MAX_TEXT));
  return match?.[0].replace(/[.,;:!?)\]]+$/u, '');
}
