/** How this relay treats the tracks of Conclave's meetings, which it tells by the shape of their names (docs/protocol.md). */
import { trackShape } from '../../protocol/group/names.ts';
import type { RelayPolicy, TrackTreatment } from '../../protocol/relay/policy.ts';

/** Whoever comes late needs it, and nobody can do without any of it. */
const MLS: TrackTreatment = { kept: true, reliable: true, exclusive: false };
const CONTROL: TrackTreatment = { kept: false, reliable: true, exclusive: false };
const OTHER: TrackTreatment = { kept: false, reliable: false, exclusive: false };

/**
 * Keeps and never drops MLS tracks, never drops control messages. No track is exclusive: a member that reconnects
 * publishes its tracks again while its last session may still count as alive here.
 */
export const meetingTracks: RelayPolicy = {
  treatmentOf: (track) => {
    switch (trackShape(track)) {
      case 'commits':
      case 'welcome':
      case 'key-packages':
        return MLS;
      case 'control':
        return CONTROL;
      case 'media':
      case 'foreign':
        return OTHER;
    }
  },
};
