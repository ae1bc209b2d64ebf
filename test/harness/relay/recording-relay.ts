/**
 * The relay, keeping all that it handles: every byte that any session sent to it goes into the file that the
 * environment variable `CONCLAVE_RECORDING` names, with the connection's number (4 bytes) and a length (4 bytes), both
 * big-endian, before each piece. Prints the same ready line and takes the same options as `conclave-relay`.
 */
import { openSync, writeSync } from 'node:fs';
import { runRelay } from '../../../src/services/relay/run.ts';

const file = process.env.CONCLAVE_RECORDING;
if (file === undefined) {
  process.stderr.write('CONCLAVE_RECORDING must name a file\n');
  process.exit(2);
}
const recording = openSync(file, 'w', 0o600);

await runRelay(process.argv.slice(2), (connection, bytes) => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(connection, 0);
  head.writeUInt32BE(bytes.length, 4);
  writeSync(recording, head);
  writeSync(recording, bytes);
});
