import { expect, test } from 'vitest';
import type { TrackTreatment } from '../../../src/protocol/relay/policy.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { track } from '../../harness/moqt/names.ts';

const treatments: Record<string, TrackTreatment> = {
  'kept, nothing dropped': { kept: true, reliable: true, exclusive: false },
  'nothing dropped': { kept: false, reliable: true, exclusive: false },
  'late groups dropped': { kept: false, reliable: false, exclusive: false },
};

test.each([
  ['room', 'commits', 'kept, nothing dropped'],
  ['room', 'other', 'late groups dropped'],
  ['room/keypackages', 'x', 'kept, nothing dropped'],
  ['room/welcome', 'x', 'kept, nothing dropped'],
  ['room/commits', 'commits', 'late groups dropped'],
  ['room/control/alice/start', 'o', 'nothing dropped'],
  ['room/control/alice/start', 'x', 'late groups dropped'],
  ['room/control/alice', 'o', 'late groups dropped'],
  ['room/media/alice/cam', 'o', 'late groups dropped'],
  ['room/keypackages/deeper', 'x', 'late groups dropped'],
])('(%s) %s: %s', (path, name, treatment) => {
  expect(meetingTracks.treatmentOf(track(path, name))).toEqual(treatments[treatment]);
});
