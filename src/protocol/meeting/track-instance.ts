/**
 * The instance field of the namespaces of a member's tracks: which of them, and which time of being a member, in one process
 * and over one session with a relay.
 * @see docs/protocol.md #rooms-generations-and-names
 */
import { encodeBase64Url } from '../bytes/base64url.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts';
import type { FullTrackName } from '../moqt/model.ts';

/** The tracks of a member, in the order in which a statement speaks of them. */
export const MEMBER_TRACK_KINDS = ['control', 'catalog', 'audio', 'video'] as const;
/** One of a member's tracks. */
export type MemberTrackKind = (typeof MEMBER_TRACK_KINDS)[number];
/** Those that carry media or say what there is. */
export type MediaTrackKind = Exclude<MemberTrackKind, 'control'>;

/**
 * An instance field whole, so that no two are of the same track of one time: whoever could publish `audio.x.q1…` beside
 * `audio.q1…`, which the relay lets nobody else use, would speak as its owner.
 */
const FIELD = /^(?:(?<kind>catalog|audio|video)\.)?(?<time>[\w-]{22})$/u;

/** Bytes of an instance, which make the tracks of each time their own. */
export const INSTANCE_BYTES = 16;

/** The instance field of a media track, for example `audio.q1…`. @param instance - {@link INSTANCE_BYTES} bytes. */
export function mediaInstance(kind: MediaTrackKind, instance: Uint8Array): Uint8Array {
  return encodeUtf8(`${kind}.${encodeBase64Url(instance)}`);
}

/** The instance field of a control track. */
export function controlInstance(instance: Uint8Array): Uint8Array {
  return encodeUtf8(encodeBase64Url(instance));
}

/**
 * What the instance fields of all tracks of one time have in common. So one of them that has brought something sealed vouches
 * for the names of the others, and a relay lets nobody else publish under those. Undefined when it is no instance field.
 */
export function timeOf(instance: Uint8Array): string | undefined {
  return fieldsOf(instance)?.time;
}

/** {@link timeOf} of the instance field that the namespace of a control or media track ends in. */
export function timeOfTrack({ namespace }: FullTrackName): string | undefined {
  const instance = namespace.at(-1);
  return instance && timeOf(instance);
}

/** Which media track an instance field names, or undefined when it names none that we know. */
export function mediaKindOf(instance: Uint8Array): MediaTrackKind | undefined {
  return fieldsOf(instance)?.kind as MediaTrackKind | undefined;
}

/** Whether an instance field names a control track. */
export function isControlInstance(instance: Uint8Array): boolean {
  const fields = fieldsOf(instance);
  return fields !== undefined && fields.kind === undefined;
}

function fieldsOf(instance: Uint8Array): Partial<Record<'kind' | 'time', string>> | undefined {
  return FIELD.exec(decodeUtf8(instance) ?? '')?.groups;
}
