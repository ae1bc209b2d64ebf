/** `conclave-relay`: the relay as a process. */
import { runRelay } from './run.ts';

void runRelay(process.argv.slice(2));
