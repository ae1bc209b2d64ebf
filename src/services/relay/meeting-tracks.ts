/** How this relay treats the tracks of Conclave's meetings, which it tells by the shape of their names (docs/protocol.md). */
import { trackShape } from '../../protocol/group/names.ts';
import type { TrackPolicy, TrackTreatment } from '../../protocol/relay/policy.ts';

/**
 * Whoever comes late needs it, and nobody can do without any of it. All members write it, and none can keep another from
 * doing so by having been the first to write something else.
 */
const OF_ALL: TrackTreatment = { kept: true, reliable: true, exclusive: false, firstWins: true };
const KEY_PACKAGES: TrackTreatment = { kept: true, reliable: true, exclusive: true, firstWins: false };
const CONTROL: TrackTreatment = { kept: false, reliable: true, exclusive: true, firstWins: false };
const MEDIA: TrackTreatment = { kept: false, reliable: false, exclusive: true, firstWins: false };
/** As MOQT has it. */
const OTHER: TrackTreatment = { kept: false, reliable: false, exclusive: false, firstWins: false };

/**
 * Keeps and never drops MLS tracks, never drops control messages. What one member alone says has one publisher at a time:
 * a member that comes back publishes control and media under new names, as its last session may still count as alive here.
 */
export const meetingTracks: TrackPolicy = {
  treatmentOf: (track) => {
    switch (trackShape(track)) {
      case 'commits':
      case 'welcome':
        return OF_ALL;
      case 'key-packages':
        return KEY_PACKAGES;
      case 'heads':
      case 'control':
        return CONTROL;
      case 'media':
        return MEDIA;
      case 'foreign':
        return OTHER;
    }
  },
};
