/**
 * The relay as somebody runs it who means harm: a track that only one may publish takes objects of anybody. Prints the
 * same ready line and takes the same options as `conclave-relay`.
 */
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { runRelay } from '../../../src/services/relay/run.ts';

const lawful = meetingTracks.treatmentOf;
const lawless: typeof lawful = (track) => ({ ...lawful(track), exclusive: false });
Object.assign(meetingTracks, { treatmentOf: lawless });

await runRelay(process.argv.slice(2));
