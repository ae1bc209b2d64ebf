/** What the end of a meeting says. */
export const words = {
  titles: {
    left: 'You left the meeting',
    removed: 'You were removed from the meeting',
    replaced: 'You joined from somewhere else',
    failed: 'The meeting could not continue',
  },
  again: 'Join again',
  home: 'Go to home screen',
} as const;
