/** What a person may decide about the meeting, and why something cannot be done just now. */
import type { Decision as GroupDecision } from '../group/coordination/decisions.ts';
import type { Admission } from '../group/meeting-parameters.ts';
import type { Fingerprint } from '../group/names.ts';
import type { Member } from '../group/roster.ts';
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
  /** The meeting was split, and takes no changes any more. */
  | 'split'
  /** Only organisers may. */
  | 'not-organiser'
  /** Nobody of that name is in the meeting, or at the door. */
  | 'not-there'
  /** Oneself is not removed, but leaves. */
  | 'oneself'
  /** There would be no organiser left. */
  | 'last-organiser'
  /** There are as many as there can be. */
  | 'too-many-organisers'
  /** The meeting is moving already. */
  | 'moving';

/** Whom a participant stands for. */
export interface People {
  memberOf(participant: ParticipantId): Member | undefined;
  /** Of somebody at the door. */
  callerOf(participant: ParticipantId): Fingerprint | undefined;
}

/** A decision as the group takes it; undefined where the one whom it is about is not there any more. */
export function forGroup(decision: Decision, people: People): GroupDecision | undefined {
  switch (decision.kind) {
    case 'kick': {
      const signatureKey = people.memberOf(decision.participant)?.signatureKey;
      return signatureKey && { kind: 'kick', signatureKey };
    }
    case 'admit':
    case 'decline': {
      const fingerprint = people.callerOf(decision.participant);
      return fingerprint === undefined ? undefined : { kind: decision.kind, fingerprint };
    }
    case 'admission':
      return decision;
    case 'organiser': {
      const fingerprint = people.memberOf(decision.participant)?.fingerprint;
      const { isOrganiser } = decision;
      return fingerprint === undefined ? undefined : { kind: 'organiser', fingerprint, isOrganiser };
    }
  }
}
