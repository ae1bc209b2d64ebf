/** Puts the engine's view of a meeting into words for the window. */
import type {
  Away,
  Caller,
  EncryptionState,
  InvitationSummary,
  JoinStep,
  KeyChange,
  MeetingState,
  Participant,
} from '../../contract/state.ts';
import { fingerprintGroups } from '../../protocol/group/fingerprint-text.ts';
import type { Member } from '../../protocol/group/roster.ts';
import { SUITES, isSuiteId } from '../../protocol/secure-objects/suite.ts';
import type { GroupStep } from '../../protocol/group/progress.ts';
import type {
  Absence,
  Attention,
  CallerView,
  EpochRecord,
  GroupView,
  MeetingEnd,
  MeetingView,
  ParticipantView,
} from '../../protocol/meeting/view.ts';
import type { RoomsView } from '../../protocol/meeting/rooms-api.ts';
import { fingerprintHue } from '../identity/fingerprint.ts';
import { lineSentence, nameOf, noticeSentence } from './notice-sentences.ts';

/** What is known of a meeting besides the meeting itself. */
export interface MeetingContext {
  readonly invitation: InvitationSummary;
  /** ms since 1970 when joining began. */
  readonly since: number;
  readonly displayName: string;
  /** Names of people by participant, of those who are gone too; filled in as they become known. */
  readonly names: Map<string, string>;
}

/** The state of a meeting, for people. */
export function describeMeeting(view: RoomsView, context: MeetingContext): MeetingState {
  const { invitation, since } = context;
  const { link, end, group, connection, sending } = view;
  if (end !== undefined) return { kind: 'ended', invitation, ...endOf(end, view.attention, link) };
  if (group === undefined)
    return {
      kind: 'joining',
      invitation,
      since,
      step: joinStep(view),
      sentence: joinSentence(view),
      again: view.absence.kind === 'rejoining',
      clockOffset: view.clockOffset,
    };
  return {
    kind: 'in-meeting',
    invitation,
    link,
    since,
    connection:
      connection.kind === 'connected'
        ? { kind: 'connected', relay: connection.relay }
        : {
            kind: 'reconnecting',
            relay: connection.relay,
            attempt: connection.attempt,
            refused: connection.refused,
            crowded: connection.crowded,
          },
    participants: participantsOf(group, context),
    role: group.role,
    admission: group.admission,
    door: view.door.map(callerOf),
    notices: view.notices.map(({ id, time, news }) => ({
      id,
      time,
      sentence: noticeSentence(news, context.names),
    })),
    encryption: encryptionOf(view, group, context),
    split: view.attention.has('equivocation'),
    sending,
    moving: view.isMoving,
    asked: view.asked && { by: nameOf(view.asked.by, context.names) },
    away: awayOf(view.absence),
    clockOffset: view.clockOffset,
  };
}

function awayOf(absence: Absence): Away | undefined {
  return absence.kind === 'slept' || absence.kind === 'rejoined' ? absence : undefined;
}

function participantsOf({ participants }: GroupView, context: MeetingContext): Participant[] {
  return participants.map((participant) => {
    const { id, member, self, role, joinedEpoch, leaving, removing, audio, video, doubt } = participant;
    const displayName = self ? context.displayName : participant.displayName;
    if (displayName !== undefined) context.names.set(id, displayName);
    return {
      id,
      leaf: member.leaf,
      self,
      role,
      displayName,
      fingerprint: fingerprintGroups(member.fingerprint),
      hue: fingerprintHue(member.fingerprint),
      joinedEpoch: String(joinedEpoch),
      leaving,
      removing,
      audio,
      video,
      doubt,
    };
  });
}

function callerOf({ id, fingerprint, displayName, since }: CallerView): Caller {
  return {
    id,
    displayName,
    fingerprint: fingerprintGroups(fingerprint),
    hue: fingerprintHue(fingerprint),
    since,
  };
}

function encryptionOf(view: MeetingView, group: GroupView, context: MeetingContext): EncryptionState {
  const { secureObjectsSuite } = group.parameters;
  const leaving = group.participants.filter((participant) => participant.leaving);
  const hindrance = leaving.length > 0 ? hindranceOf(view) : undefined;
  const stillHolding =
    hindrance === undefined ? [] : leaving.map(({ member }) => nameOf(member, context.names));
  const attention =
    attentionSentence(view.attention, lineSentence(view.line, context.names)) ??
    (hindrance === undefined ? undefined : stillHoldingSentence(stillHolding, hindrance));
  return {
    seal: attention !== undefined ? 'attention' : leaving.length > 0 ? 'changing' : 'sealed',
    sentence: attention ?? changingSentence(leaving, context.names),
    stillHolding,
    epoch: String(group.epoch),
    securityCode: group.securityCode.split(' '),
    keyAgreement: group.suite === 0x0053 ? 'post-quantum' : 'classical',
    keyAgreementName:
      group.suite === 0x0053
        ? 'MLS with X-Wing (X25519 and ML-KEM-768), AES-256-GCM, SHA-512, Ed25519'
        : 'MLS 1.0 with X25519, AES-128-GCM, SHA-256, Ed25519',
    mediaCipher: isSuiteId(secureObjectsSuite) ? SUITES[secureObjectsSuite].name : 'unknown',
    ownKey: view.ownKey,
    history: view.history.map((record) => keyChange(record, group, context.names)),
    unreadableObjects: view.unreadableObjects,
  };
}

function keyChange(
  record: EpochRecord,
  { participants }: GroupView,
  names: ReadonlyMap<string, string>,
): KeyChange {
  const { epoch, change } = record;
  const named = (member: Member): string => nameOf(member, names);
  const by = participants.find(({ member }) => member.leaf === change.by)?.member;
  return {
    epoch: String(epoch),
    time: change.time,
    added: change.added.map(named),
    removed: change.removed.map(named),
    by: by === undefined ? undefined : named(by),
  };
}

const CROWDED = {
  relay:
    'The relay is full and takes nobody else until somebody leaves. Trying again. Ask whoever runs the relay.',
  address:
    'The relay takes no more connections from your network. Trying again. Leave other meetings there, or ask whoever runs the relay.',
} as const;

/** Why the keys cannot be changed just now. */
function hindranceOf({ connection, step }: MeetingView): string | undefined {
  if (connection.kind !== 'connected') {
    if (connection.refused) return 'the relay does not let this app in';
    return connection.crowded === undefined
      ? 'the relay does not answer'
      : 'the relay has no room for this app';
  }
  if (step === 'counter-unreachable') return 'the counter does not answer';
  if (step === 'counter-refusing') return 'the counter refuses this app';
  return step === 'counter-unauthorized' ? 'the counter asks for an access token' : undefined;
}

function changingSentence(
  leaving: readonly ParticipantView[],
  names: ReadonlyMap<string, string>,
): string | undefined {
  if (leaving.length === 0) return undefined;
  const removing = leaving.filter(({ removing: isRemoved }) => isRemoved);
  const who = listed(removing.map(({ member }) => nameOf(member, names)));
  const removed = removing.length === 0 ? '' : `You are removing ${who}. `;
  const left = removing.length < leaving.length ? 'Someone has left. ' : '';
  return `${removed}${left}The keys are about to change.`;
}

const listed = (names: readonly string[]): string =>
  new Intl.ListFormat('en', { type: 'conjunction' }).format(names);

function stillHoldingSentence(names: readonly string[], hindrance: string): string {
  const who = listed(names);
  const hold = names.length === 1 ? 'holds' : 'hold';
  return `${who} still ${hold} the keys: ${hindrance}. This app keeps trying to change them.`;
}

const joinSteps: Readonly<Record<GroupStep, JoinStep>> = {
  seeking: 'asking-counter',
  'counter-unreachable': 'asking-counter',
  'counter-refusing': 'asking-counter',
  'counter-unauthorized': 'asking-counter',
  creating: 'creating',
  'waiting-for-creator': 'asking-counter',
  'waiting-for-member': 'waiting-for-member',
  welcomed: 'welcome-received',
  member: 'sealed',
};

function joinStep({ connection, step }: MeetingView): JoinStep {
  if (connection.kind !== 'connected') return 'connecting';
  return joinSteps[step];
}

function joinSentence({
  connection,
  step,
  attention,
  absence,
  isKeptWaiting,
}: MeetingView): string | undefined {
  if (attention.has('equivocation'))
    return 'This meeting was split in two. The counter service signed two different versions of it. Do not go back into it: leave, and tell whoever runs the service.';
  // Whatever else is amiss, nobody is let in before that is saved.
  if (attention.has('store-failing'))
    return 'This app cannot save its state to disk, and cannot enter the meeting until it can. Free up some space.';
  const again =
    absence.kind === 'rejoining'
      ? 'You were away, so the others changed the keys without you. You are joining again.'
      : undefined;
  if (connection.kind === 'connecting' && connection.refused)
    return 'The relay does not let this app into the meeting. Trying again. Ask for a new invitation, or ask whoever runs the relay.';
  if (connection.kind === 'connecting' && connection.crowded !== undefined)
    return CROWDED[connection.crowded];
  if (connection.kind === 'connecting')
    return connection.attempt > 1
      ? `The relay is not answering. Trying again (attempt ${String(connection.attempt)}). Check your network.`
      : again;
  switch (step) {
    case 'counter-unreachable':
      return 'The counter service is not answering. Trying again. Check your network, or ask whoever runs the service.';
    case 'counter-unauthorized':
      return 'The counter service asks for an access token, and this invitation has none that it accepts. Ask your company, or whoever runs the service, for an invitation with access.';
    case 'counter-refusing':
      return 'The counter service answers, but refuses this app. Trying again. Ask for a new invitation, or ask whoever runs the service whether your network or an access rule is in the way.';
    case 'waiting-for-creator':
      return 'Someone else is starting the meeting right now.';
    case 'waiting-for-member':
      return again ?? (isKeptWaiting ? 'Waiting for somebody in the meeting to let you in.' : undefined);
    case 'seeking':
    case 'creating':
    case 'welcomed':
    case 'member':
      return again;
  }
}

function attentionSentence(attention: ReadonlySet<Attention>, line: string | undefined): string | undefined {
  if (attention.has('equivocation'))
    return 'This meeting was split in two. The counter service signed two different versions of it, and some people may be in the other one. Nothing you say or show is sent any more. Save the key history as proof, leave, and tell whoever runs the service.';
  if (attention.has('store-failing'))
    return 'This app cannot save its state to disk, and takes no part in key changes until it can. Free up some space.';
  if (line !== undefined) return line;
  if (attention.has('mls-restarted'))
    return 'The part of this app that keeps the keys had failed. It was started again from its saved state, and the meeting goes on.';
  if (attention.has('full'))
    return 'This meeting is full: more people cannot hold its keys. Whoever asks to join waits until somebody leaves.';
  if (attention.has('not-kept-out'))
    return 'You removed someone who can ask to come in again: this meeting has removed so many people that it cannot remember more. The door is closed. Start a new meeting to keep them out for good.';
  if (attention.has('kicked-asks'))
    return 'Someone who was removed asked to be let in again and was refused.';
  if (attention.has('moved'))
    return 'The meeting had gone on elsewhere without this app, which has joined the others there.';
  if (attention.has('newer-generation'))
    return 'Other people have started this meeting again without this group. They are not in this meeting.';
  return undefined;
}

function leftSentence(attention: ReadonlySet<Attention>): string {
  if (attention.has('store-failing'))
    return 'You left the meeting, but this app could not erase its encrypted state from the disk. Free up some space.';
  if (attention.has('equivocation'))
    return 'You left a meeting that was split in two. Your keys for it are erased. Do not join it again before whoever runs the counter service can say what happened.';
  return 'You left the meeting. Your keys for it are erased.';
}

function endOf(
  reason: MeetingEnd,
  attention: ReadonlySet<Attention>,
  link: string,
): Pick<MeetingState & { kind: 'ended' }, 'reason' | 'sentence' | 'link'> {
  switch (reason) {
    case 'left':
      return {
        reason: 'left',
        sentence: leftSentence(attention),
        // Nobody goes back into a meeting that was split by pressing a button.
        link: attention.has('equivocation') ? undefined : link,
      };
    case 'kicked':
      return {
        reason: 'removed',
        sentence: 'Someone removed you from the meeting. Ask them for a new invitation.',
        link: undefined,
      };
    case 'kicked-is-there':
      return {
        reason: 'taken',
        sentence:
          'Somebody who was removed for good has opened this room again, or was let in by others. This app does not sit with them. Start a new meeting and send its link to those you trust, or try again when they have gone.',
        link,
      };
    case 'line-broken':
      return {
        reason: 'failed',
        sentence:
          'Somebody in this meeting breaks it wherever it moves to, and nothing shows who. Start a new meeting, and invite only people whom you trust.',
        link: undefined,
      };
    case 'replaced':
      return {
        reason: 'replaced',
        sentence:
          'Your key joined the meeting from somewhere else and took your place. If that was not you on another device, someone else has your key.',
        link: undefined,
      };
    case 'parameters-differ':
      return {
        reason: 'failed',
        sentence: 'The meeting’s settings do not match your invitation. Ask for a new invitation.',
        link: undefined,
      };
    case 'unknown-cipher':
      return {
        reason: 'failed',
        sentence: 'This meeting uses a media cipher that this app does not support. Update the app.',
        link: undefined,
      };
    case 'fault':
      return {
        reason: 'failed',
        sentence:
          'Something went wrong inside Conclave, so it left the meeting to be safe. You can join again.',
        link,
      };
  }
}
