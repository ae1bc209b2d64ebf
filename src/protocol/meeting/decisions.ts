/** What a person may decide about the meeting, and why something cannot be done just now. */
import type { Admission } from '../group/meeting-parameters.ts';
import type { ParticipantId } from '../media/encoded-media.ts';

/** A decision of an organiser's. */
export type Decision =
  /** Removes a member and does not let its key in again; closes the door. */
  | { readonly kind: 'kick'; readonly participant: ParticipantId }
  /** Lets somebody in who waits at the door, or does not. */
  | { readonly kind: 'admit' | 'decline'; readonly participant: ParticipantId }
  /** Lets everybody in who has the invitation, or has them wait at the door. */
  | { readonly kind: 'admission'; readonly admission: Admission }
  /** Makes a member an organiser, or takes that away, also from oneself. */
  | { readonly kind: 'organiser'; readonly participant: ParticipantId; readonly isOrganiser: boolean };

/** Why a decision is not carried out. */
export type Refusal =
  | 'not-in-meeting'
  /** Only organisers may. */
  | 'not-organiser'
  /** Nobody of that name is in the meeting, or at the door. */
  | 'not-there'
  /** Oneself is not removed, but leaves. */
  | 'oneself'
  /** There would be no organiser left. */
  | 'last-organiser'
  /** There are as many as there can be. */
  | 'too-many-organisers';
