/** What a profile remembers in the clear: nothing secret, nothing about meetings. */

/** Settings of a profile. */
export interface Settings {
  /** Name that others are shown (it travels sealed); `undefined` until it was chosen. */
  readonly displayName: string | undefined;
  readonly theme: Theme;
}

/** Colours of the app. */
export type Theme = 'system' | 'light' | 'dark';

/** Settings of a new profile. */
export const DEFAULT_SETTINGS: Settings = { displayName: undefined, theme: 'system' };

/** Longest display name, in UTF-16 units as the contract counts them. */
const MAX_DISPLAY_NAME = 64;

/** Settings of what was read: whatever is missing or unfit has its default. */
export function settingsOf(value: unknown): Settings {
  const { displayName, theme } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const nameFits =
    typeof displayName === 'string' && displayName !== '' && displayName.length <= MAX_DISPLAY_NAME;
  return {
    displayName: nameFits ? displayName : undefined,
    theme: theme === 'light' || theme === 'dark' ? theme : 'system',
  };
}
