/** `conclave-verify`: checks key histories that the app saved. */
import { runCommand } from '../command-line.ts';
import { checkFiles, exitCodeOf } from './check.ts';
import { HELP, parseCommandLine } from './options.ts';
import type { VerifyOptions } from './options.ts';
import { describeOutcome, outcomeAsJson } from './words.ts';

void runCommand('conclave-verify', HELP, parseCommandLine(process.argv.slice(2)), run);

async function run(options: VerifyOptions): Promise<void> {
  const outcome = await checkFiles(options);
  process.exitCode = exitCodeOf(outcome);
  if (options.isJson) process.stdout.write(outcomeAsJson(outcome));
  else if (process.exitCode !== 0) process.stderr.write(describeOutcome(outcome));
  else if (!options.isQuiet) process.stdout.write(describeOutcome(outcome));
}
