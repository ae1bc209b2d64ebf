/** What the People panel says. */
export const words = {
  title: (count: number): string => (count === 1 ? '1 person' : `${String(count)} people`),
  truth: 'Everybody who holds the keys now.',
  search: 'Search',
  leaving: 'Left, holds keys until the next change',
  since: (epoch: string): string =>
    epoch === '0' ? 'Opened the meeting' : `Holds keys since change ${epoch}`,
  muted: 'Muted',
  cameraOff: 'Camera off',
  remove: (name: string): string => `Remove ${name}`,
  removeQuestion: (name: string): string => `Remove ${name}?`,
  removeMeans:
    'The keys change at once, so that nothing that follows can be opened with the old ones, and this person’s key is not let in again. Somebody who has the link could still come as somebody else: to be sure, start a new meeting.',
  removeNow: 'Remove',
  cancel: 'Cancel',
} as const;
