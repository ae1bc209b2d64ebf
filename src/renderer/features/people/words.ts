/** What the People panel says. */
export const words = {
  title: (count: number): string => (count === 1 ? '1 person' : `${String(count)} people`),
  truth: 'Everyone who holds the keys right now.',
  search: 'Search',
  leaving: 'Has left; holds keys until the next change',
  removing: 'Is being removed; holds keys until the next change',
  since: (epoch: string): string =>
    epoch === '0' ? 'Started the meeting' : `Holds keys since change ${epoch}`,
  muted: 'Muted',
  cameraOff: 'Camera off',
  remove: (name: string): string => `Remove ${name}`,
  removeQuestion: (name: string): string => `Remove ${name}?`,
  removeMeans:
    'The keys change, so this person can no longer hear or see what follows, and their key is not let in again. Anyone who has the link could still come back as someone else. To be sure, start a new meeting.',
  removeNow: 'Remove',
  cancel: 'Cancel',
} as const;
