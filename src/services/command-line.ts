/** Reading the command line of a service, and running what it asks for. */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

type Config = NonNullable<ParseArgsConfig['options']>;
type Values<Options extends Config> = ReturnType<typeof parseArgs<{ options: Options }>>['values'];

/** What a command line asks for. */
export type CommandLine<Options> =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly reason: string };

/** An option has a value that cannot be used; the message names the option and says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Options that every service has; to be spread into its own. */
export const COMMON_OPTIONS = {
  quiet: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/**
 * Reads a command line.
 * @param config - the options, {@link COMMON_OPTIONS} among them.
 * @param read - makes a service's options of the values; throws {@link UsageError} where one cannot be used.
 * @param allowPositionals - whether there may be arguments besides options, which `read` is given too.
 */
export function readCommandLine<const Options extends Config, Result>(
  args: readonly string[],
  config: Options & typeof COMMON_OPTIONS,
  read: (values: Values<Options & typeof COMMON_OPTIONS>, positionals: readonly string[]) => Result,
  allowPositionals = false,
): CommandLine<Result> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: config, allowPositionals });
    // TypeScript cannot look into a type parameter's values.
    const { help } = values as Values<typeof COMMON_OPTIONS>;
    return help ? { kind: 'help' } : { kind: 'run', options: read(values, positionals) };
  } catch (error) {
    if (isParseArgsError(error) || error instanceof UsageError)
      return { kind: 'wrong', reason: error.message };
    throw error;
  }
}

/**
 * Reads a decimal number from `least` to `most`, both included.
 * @param name - the option, for the message.
 * @throws {UsageError} the text is no such number.
 */
export function readNumber(name: string, text: string, least: number, most: number): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${name} is not a number from ${String(least)} to ${String(most)}`);
}

/**
 * Does what a command line asks for. A wrong one sets exit code 2, a service that cannot start exit code 1; both say
 * why on standard error.
 */
export async function runCommand<Options>(
  name: string,
  help: string,
  commandLine: CommandLine<Options>,
  run: (options: Options) => Promise<void>,
): Promise<void> {
  switch (commandLine.kind) {
    case 'help':
      process.stdout.write(help);
      return;
    case 'wrong':
      process.stderr.write(`${name}: ${commandLine.reason}\nTry --help.\n`);
      process.exitCode = 2;
      return;
    case 'run':
      try {
        await run(commandLine.options);
      } catch (error) {
        process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
      }
  }
}

function isParseArgsError(error: unknown): error is TypeError {
  return (
    error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS_')
  );
}
