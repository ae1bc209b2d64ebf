/**
 * `npm run bench [-- NAME…]`: runs the benchmarks one after the other, prints a table and writes
 * `bench/results/<date>.json`. Every comparison is made within one run, since machines differ and are noisy.
 *
 * `MLS_PEERS` names the program that `cargo build --release` makes of `test/interop/mls-peers`; without it mls-rs is left out.
 */
import type { Figure, Say } from './figure.ts';
import { meetingFigures } from './meeting.ts';
import { mlsFigures } from './mls-figures.ts';
import { quicFigures } from './quic.ts';
import { relayFigures } from './relay.ts';
import { report, say } from './report.ts';
import { stockTsMls } from '../harness/group/stock-ts-mls.ts';
import { secureObjectsFigures } from './secure-objects.ts';
import { whoSpeaksFigures } from './who-speaks.ts';

const benchmarks: Readonly<Record<string, (say: Say) => Figure[] | Promise<Figure[]>>> = {
  'secure-objects': secureObjectsFigures,
  quic: quicFigures,
  relay: relayFigures,
  mls: async (say) => mlsFigures(say, await stockTsMls()),
  'who-speaks': whoSpeaksFigures,
  meeting: meetingFigures,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  process.stderr.write(
    `No such benchmark: ${unknown.join(', ')}. There are ${Object.keys(benchmarks).join(', ')}.\n`,
  );
  process.exit(2);
}

const figures: Figure[] = [];
for (const [name, measure] of Object.entries(benchmarks)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  figures.push(...(await measure(say)));
}
report(figures);
// Worker threads and sessions of benchmarks that failed half-way are of no interest any more.
process.exit(0);
