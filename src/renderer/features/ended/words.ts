/** What the end of a meeting says. */
export const words = {
  titles: {
    left: 'You left the meeting',
    removed: 'You were removed from the meeting',
    replaced: 'You joined from somewhere else',
    taken: 'Not joined',
    failed: 'The meeting could not continue',
  },
  again: 'Join again',
  tryAgain: 'Try again',
  startNew: 'Start a new meeting',
  home: 'Go to home screen',
} as const;
