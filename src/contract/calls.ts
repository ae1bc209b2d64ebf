/**
 * The calls that the renderer may make, with the schema that main checks each argument against.
 * A call that is not here does not exist; an argument that does not fit is refused before anything runs.
 */
import * as v from 'valibot';
import type { Result } from './result.ts';
import type { AppState, InvitationSummary, LinkProblem } from './state.ts';

const displayName = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64));
const link = v.pipe(v.string(), v.maxLength(8192));
const participantId = v.pipe(v.string(), v.maxLength(128));
const nothing = v.undefined();

/** Schemas of the arguments, by call name. */
export const callSchemas = {
  'app.state': nothing,
  /** Makes the identity that the keychain keeps. */
  'identity.create': v.strictObject({ displayName }),
  /** A throw-away identity that keeps nothing. */
  'identity.guest': v.strictObject({ displayName }),
  'identity.rename': v.strictObject({ displayName }),
  'settings.theme': v.strictObject({ theme: v.picklist(['system', 'light', 'dark']) }),
  /** Reads a link without joining. */
  'meeting.inspect': v.strictObject({ link }),
  /** Makes an invitation on this app's servers; joining it is a separate call. */
  'meeting.create': v.strictObject({
    title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)),
    keyAgreement: v.picklist(['classical', 'post-quantum']),
  }),
  'meeting.join': v.strictObject({ link, microphone: v.boolean(), camera: v.boolean() }),
  'meeting.leave': nothing,
  /** Puts an ended meeting away. */
  'meeting.dismiss': nothing,
  'meeting.sending': v.strictObject({ microphone: v.boolean(), camera: v.boolean() }),
  /** Whose pictures are on the screen; others are not asked for. */
  'meeting.watch': v.strictObject({ participants: v.pipe(v.array(participantId), v.maxLength(1000)) }),
  /** Removes somebody for good, and closes the door. This call and the next four are for organisers. */
  'meeting.remove': v.strictObject({ participant: participantId }),
  /** Lets somebody in who waits at the door. */
  'meeting.admit': v.strictObject({ participant: participantId }),
  /** Does not let somebody in who waits at the door. */
  'meeting.decline': v.strictObject({ participant: participantId }),
  /** 'ask': those who come wait at the door; 'open': whoever has the link comes in. */
  'meeting.admission': v.strictObject({ admission: v.picklist(['open', 'ask']) }),
  /** Makes somebody an organiser, or takes that away, also from oneself. */
  'meeting.organiser': v.strictObject({ participant: participantId, organiser: v.boolean() }),
  /** For organisers: moves the meeting to a new link, to which everybody comes along but these. */
  'meeting.move': v.strictObject({ leaveBehind: v.pipe(v.array(participantId), v.maxLength(1000)) }),
  /** Somebody who is no organiser moves the meeting: one goes along, or stays. */
  'meeting.answer-move': v.strictObject({ follows: v.boolean() }),
  /** Makes a fresh key for this device; the state tells when it is there. */
  'meeting.renew-key': nothing,
  'meeting.copy-link': nothing,
  'meeting.export-history': nothing,
  /** The page shows the question that `AppState.closing` asks for. */
  'window.asking': v.strictObject({ request: v.pipe(v.number(), v.safeInteger()) }),
  /** The answer to it: the window stays open. */
  'window.stay': nothing,
  /** The answer to it: the window closes, and the meeting is left. */
  'window.close': nothing,
} as const;

/** Names of the calls. */
export type CallName = keyof typeof callSchemas;
/** The checked argument of a call. */
export type CallArgument<Name extends CallName> = v.InferOutput<(typeof callSchemas)[Name]>;

/** A problem in words that a person can act on. */
export interface Problem {
  readonly sentence: string;
}

/** What each call answers. */
export interface CallResults {
  'app.state': AppState;
  'identity.create': Result<null, Problem>;
  'identity.guest': Result<null, Problem>;
  'identity.rename': Result<null, Problem>;
  'settings.theme': Result<null, Problem>;
  'meeting.inspect': Result<InvitationSummary, LinkProblem>;
  'meeting.create': Result<{ readonly link: string }, Problem>;
  'meeting.join': Result<null, Problem>;
  'meeting.leave': Result<null, Problem>;
  'meeting.dismiss': Result<null, Problem>;
  'meeting.sending': Result<null, Problem>;
  'meeting.watch': Result<null, Problem>;
  'meeting.remove': Result<null, Problem>;
  'meeting.admit': Result<null, Problem>;
  'meeting.decline': Result<null, Problem>;
  'meeting.admission': Result<null, Problem>;
  'meeting.organiser': Result<null, Problem>;
  'meeting.move': Result<null, Problem>;
  'meeting.answer-move': Result<null, Problem>;
  'meeting.renew-key': Result<null, Problem>;
  'meeting.copy-link': Result<null, Problem>;
  'meeting.export-history': Result<{ readonly path: string } | null, Problem>;
  'window.asking': Result<null, Problem>;
  'window.stay': Result<null, Problem>;
  'window.close': Result<null, Problem>;
}
