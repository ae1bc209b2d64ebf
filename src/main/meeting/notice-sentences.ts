/** What happened in a meeting, and why something is not done, in sentences. */
import { fingerprintGroups } from '../../protocol/group/fingerprint-text.ts';
import type { Member } from '../../protocol/group/roster.ts';
import type { Refusal } from '../../protocol/meeting/decisions.ts';
import { participantIdOf } from '../../protocol/meeting/members.ts';
import type { LineView, News } from '../../protocol/meeting/view.ts';

/** What a member is called: by its name, or by the beginning of its fingerprint while that is not known. @param names - by participant. */
export function nameOf(member: Member, names: ReadonlyMap<string, string>): string {
  return names.get(participantIdOf(member)) ?? `Member ${fingerprintGroups(member.fingerprint)[0] ?? ''}`;
}

/** What is news, as a sentence. @param names - by participant. */
export function noticeSentence(news: News, names: ReadonlyMap<string, string>): string {
  switch (news.kind) {
    case 'removed-by-member':
      return `${nameOf(news.removed, names)} was removed by ${nameOf(news.by, names)}, who is no organiser.`;
    case 'forged': {
      const name = nameOf(news.member, names);
      return `Somebody in this meeting sent as ${name}. ${name}’s sound and picture are stopped until that ends. Only somebody who holds the keys can do this: look at who is here, remove whom you do not know, or move to a new meeting.`;
    }
    case 'became-organiser':
      return 'You are now an organiser: you can let people in, remove them and lock the meeting.';
    case 'moved':
      return news.by === undefined
        ? 'You moved the meeting: it has a new link, and everybody comes along by themselves.'
        : `${nameOf(news.by, names)} moved the meeting to a new link. You came along; the old link does not lead here any more.`;
    case 'left-behind':
      return `${nameOf(news.by, names)} moved the meeting elsewhere without you.`;
    case 'move-failed':
      return 'The meeting could not be moved: the new room could not be made. It goes on here, with the old link.';
    case 'line-broken':
      return news.then === 'moved'
        ? escapeSentence(news.author, names)
        : joinedAgainSentence(news.author, names);
    case 'refused':
      return news.decision === undefined
        ? 'You are no organiser any more, so what you had decided last was not done.'
        : refusalSentence(news.refusal);
  }
}

/** Where the line of changes is broken: what is done, while it is done. */
export function lineSentence(line: LineView, names: ReadonlyMap<string, string>): string | undefined {
  if (line.kind === 'whole') return undefined;
  const { author } = line;
  if (author === undefined)
    return 'Somebody sent a change of keys that nobody can follow, and nothing shows who it was. The meeting moves to a new room with everybody. If it happens again, an organiser can move it without those they do not trust.';
  const name = nameOf(author, names);
  return `${name} sent a change that breaks this meeting’s rules. The meeting moves to a new room without ${name}.`;
}

function escapeSentence(author: Member | undefined, names: ReadonlyMap<string, string>): string {
  if (author === undefined)
    return 'Somebody sent a change of keys that nobody can follow, and nothing shows who it was. The meeting has moved to a new room with everybody; the old link does not lead here any more.';
  const name = nameOf(author, names);
  return `${name} sent a change that breaks this meeting’s rules. The meeting has moved to a new room without ${name}; the old link does not lead here any more.`;
}

function joinedAgainSentence(author: Member | undefined, names: ReadonlyMap<string, string>): string {
  const what =
    author === undefined
      ? 'Somebody sent a change of keys that this app cannot follow'
      : `${nameOf(author, names)} sent a change that breaks this meeting’s rules`;
  return `${what}, and nobody was here to move to a new room with. This app has joined the meeting again. If people are missing, they have moved: ask them for the new link.`;
}

/** Why what a person decided is not done. */
export function refusalSentence(refusal: Refusal): string {
  switch (refusal) {
    case 'not-in-meeting':
      return 'You are not in a meeting.';
    case 'split':
      return 'Two versions of this meeting exist, so nothing can be changed in this one. Leave it.';
    case 'not-organiser':
      return 'Only organisers can do that. Ask one of them.';
    case 'not-there':
      return 'That person is no longer there.';
    case 'oneself':
      return 'To go yourself, leave the meeting.';
    case 'last-organiser':
      return 'A meeting needs an organiser. Make somebody else one first.';
    case 'moving':
      return 'The meeting is moving already.';
    case 'too-many-organisers':
      return 'This meeting has as many organisers as it can have.';
  }
}
