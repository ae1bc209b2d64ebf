/**
 * The app's command line: for the start scripts, the demonstration and links that the system hands over.
 * Unknown switches are Chromium's and are left alone; bad values of ours are a sentence for the person who typed them.
 */
import { parseArgs } from 'node:util';
import { parsePlace, type Place } from './shell/placement.ts';

/** What was asked for. */
export interface CommandLine {
  /** File that names this app's servers; see `servers.ts`. */
  readonly serversFile: string | undefined;
  /** Directory of the profile; undefined: the system's place for app data. */
  readonly profileDirectory: string | undefined;
  /** An invitation to open the preview with. */
  readonly link: string | undefined;
  /** Uses a throw-away identity of this name without asking; for demonstrations. */
  readonly guestName: string | undefined;
  /** Joins `link`, or starts a meeting, at once with camera and microphone on; needs `guestName`. */
  readonly auto: 'join' | 'start' | undefined;
  /** Prints the invitation of a started meeting as a line of JSON on standard output. */
  readonly printLink: boolean;
  /** Puts the window in a row with others; for demonstrations. */
  readonly place: Place | undefined;
}

/** The scheme of invitations. */
export const INVITATION_SCHEME = 'conclave://';

/**
 * Reads the arguments after the executable (and the app's path, where there is one).
 * @returns the command line, or a sentence that says what is wrong.
 */
export function parseCommandLine(
  argv: readonly string[],
): { kind: 'parsed'; commandLine: CommandLine } | { kind: 'wrong'; sentence: string } {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    options: {
      servers: { type: 'string' },
      profile: { type: 'string' },
      join: { type: 'string' },
      guest: { type: 'string' },
      'auto-join': { type: 'boolean' },
      'start-meeting': { type: 'boolean' },
      'print-link': { type: 'boolean' },
      place: { type: 'string' },
    },
  });
  for (const name of ['servers', 'profile', 'join', 'guest', 'place'] as const) {
    if (values[name] !== undefined && typeof values[name] !== 'string')
      return { kind: 'wrong', sentence: `--${name} needs a value.` };
  }
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const guestName = text('guest');
  const autoJoin = values['auto-join'] === true;
  const startMeeting = values['start-meeting'] === true;
  if (autoJoin && startMeeting)
    return { kind: 'wrong', sentence: 'Use either --auto-join or --start-meeting, not both.' };
  if ((autoJoin || startMeeting) && guestName === undefined)
    return { kind: 'wrong', sentence: '--auto-join and --start-meeting need --guest NAME.' };
  const link = text('join') ?? positionals.find((word) => word.startsWith(INVITATION_SCHEME));
  if (autoJoin && link === undefined) return { kind: 'wrong', sentence: '--auto-join needs --join LINK.' };
  const placeText = text('place');
  const place = placeText === undefined ? undefined : parsePlace(placeText);
  if (placeText !== undefined && place === undefined)
    return { kind: 'wrong', sentence: `--place needs a place in a row, such as 2/3, not '${placeText}'.` };
  return {
    kind: 'parsed',
    commandLine: {
      serversFile: text('servers'),
      profileDirectory: text('profile'),
      link,
      guestName,
      auto: autoJoin ? 'join' : startMeeting ? 'start' : undefined,
      printLink: values['print-link'] === true,
      place,
    },
  };
}
