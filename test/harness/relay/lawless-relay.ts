/**
 * The relay as somebody runs it who means harm: a track that only one may publish takes objects of anybody, and of two at one
 * location the first. Prints the same ready line and takes the same options as `conclave-relay`.
 */
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { runRelay } from '../../../src/services/relay/run.ts';

const lawful = meetingTracks.treatmentOf;
const lawless: typeof lawful = (track) => {
  const treatment = lawful(track);
  return { ...treatment, exclusive: false, firstWins: treatment.firstWins || !treatment.kept };
};
Object.assign(meetingTracks, { treatmentOf: lawless });

await runRelay(process.argv.slice(2));
