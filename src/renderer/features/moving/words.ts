/** What is said about moving a meeting. */
export const words = {
  move: 'Move the meeting…',
  moving: 'Moving the meeting…',
  title: 'Move the meeting to a new link?',
  means: [
    'The meeting gets a new link. Everyone who is here now comes along by themselves: nobody has to do anything, and microphones and cameras stay as they are.',
    'The link of before leads here no more. Whoever has it, and is not here, finds an empty meeting.',
  ],
  leaveBehind: 'Leave behind',
  leaveBehindMeans:
    'They are told that the meeting was moved without them, and their key is not let in at the new link.',
  nobodyElse: 'You are the only one here. The meeting gets a new link all the same.',
  yes: (leftBehind: number): string => (leftBehind === 0 ? 'Move' : `Move without ${String(leftBehind)}`),
  cancel: 'Cancel',
  asked: (by: string): string =>
    `${by}, who is no organiser, wants to move the meeting to a new link. Whoever follows is in another meeting than those who stay.`,
  follow: 'Follow',
  stay: 'Stay here',
} as const;
