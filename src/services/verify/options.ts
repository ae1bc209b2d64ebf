import { decodeBase64Url } from '../../protocol/bytes/base64url.ts';
import { COMMON_OPTIONS, readCommandLine, UsageError } from '../command-line.ts';
import type { CommandLine } from '../command-line.ts';

/** What the command line says. */
export interface VerifyOptions {
  /** One file to check, or two to compare. */
  readonly files: readonly string[];
  /** The counter's key that the files must name; undefined: whichever they name. */
  readonly receiptKey: Uint8Array | undefined;
  readonly isJson: boolean;
  /** Says nothing but what does not hold. */
  readonly isQuiet: boolean;
}

const KEY_BYTES = 32;

/** The text of `--help`. */
export const HELP = `conclave-verify: checks key histories of Conclave meetings

Usage: conclave-verify FILE [options]       is this history whole and true?
       conclave-verify FILE FILE [options]  and were these two in one meeting?

FILE is what "Save key history…" in the app's security panel wrote. Nothing is asked of
a network, and no key is needed.

  --receipt-key KEY  the counter's public key, base64url: ask whoever runs the counter
                     for it. Without this the key is the one that the file names.
  --json             print one JSON object
  --quiet            print nothing but what does not hold
  --help             print this

Exit code: 0 it holds, 1 it does not, 2 a file cannot be read.
`;

/** Reads the command line; never throws for what it says. */
export function parseCommandLine(args: readonly string[]): CommandLine<VerifyOptions> {
  return readCommandLine(
    args,
    { ...COMMON_OPTIONS, 'receipt-key': { type: 'string' }, json: { type: 'boolean', default: false } },
    (values, files) => {
      if (files.length < 1 || files.length > 2) throw new UsageError('one FILE is needed, or two');
      const text = values['receipt-key'];
      const receiptKey = text === undefined ? undefined : decodeBase64Url(text);
      if (text !== undefined && receiptKey?.length !== KEY_BYTES)
        throw new UsageError('--receipt-key is not base64url of 32 bytes');
      return { files, receiptKey, isJson: values.json, isQuiet: values.quiet };
    },
    true,
  );
}
