/**
 * One or two letters that stand for a name: of its first and its last word.
 * @returns upper case; '?' when there is no name yet.
 */
export function initials(name: string | undefined): string {
  const words = (name ?? '').trim().split(/\s+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined].map(firstCharacter);
  return letters.join('').toLocaleUpperCase() || '?';
}

function firstCharacter(word: string | undefined): string {
  return Array.from(word ?? '')[0] ?? '';
}
