import { expect, test } from 'vitest';
import type { TrackTreatment } from '../../../src/protocol/relay/policy.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { track } from '../../harness/moqt/names.ts';

const treatments: Record<string, TrackTreatment> = {
  'kept, of all': { kept: true, reliable: true, exclusive: false, firstWins: true },
  'kept, of one': { kept: true, reliable: true, exclusive: true, firstWins: false },
  'of one, nothing dropped': { kept: false, reliable: true, exclusive: true, firstWins: false },
  'of one, late groups dropped': { kept: false, reliable: false, exclusive: true, firstWins: false },
  'as MOQT has it': { kept: false, reliable: false, exclusive: false, firstWins: false },
};

test.each([
  ['room', 'commits', 'kept, of all'],
  ['room', 'other', 'as MOQT has it'],
  ['room/keypackages', 'x', 'kept, of one'],
  ['room/welcome', 'x', 'kept, of all'],
  ['room/commits', 'commits', 'as MOQT has it'],
  ['room/control/alice/start', 'o', 'of one, nothing dropped'],
  ['room/control/alice/start', 'x', 'as MOQT has it'],
  ['room/control/alice', 'o', 'as MOQT has it'],
  ['room/media/alice/cam', 'o', 'of one, late groups dropped'],
  ['room/media/alice/cam', 'x', 'as MOQT has it'],
  ['room/keypackages/deeper', 'x', 'as MOQT has it'],
])('(%s) %s: %s', (path, name, treatment) => {
  expect(meetingTracks.treatmentOf(track(path, name))).toEqual(treatments[treatment]);
});
