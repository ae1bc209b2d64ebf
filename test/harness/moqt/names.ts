/** Short ways to write names and objects in tests. */
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { groupId, objectId, subgroupId } from '../../../src/protocol/moqt/model.ts';
import type {
  FullTrackName,
  Location,
  MoqtObject,
  TrackNamespace,
} from '../../../src/protocol/moqt/model.ts';

export const namespace = (...fields: string[]): TrackNamespace => fields.map((field) => encodeUtf8(field));

/** `track('room/media', 'o')`. */
export const track = (path: string, name: string): FullTrackName => ({
  namespace: namespace(...path.split('/')),
  name: encodeUtf8(name),
});

export const at = (group: number, object: number): Location => ({
  group: groupId(BigInt(group)),
  object: objectId(BigInt(object)),
});

/** An object on a subgroup stream. */
export function object(
  group: number,
  id: number,
  payload: string | Uint8Array,
  more: { subgroup?: number; priority?: number; properties?: Uint8Array } = {},
): MoqtObject {
  return {
    location: at(group, id),
    subgroup: subgroupId(BigInt(more.subgroup ?? 0)),
    publisherPriority: more.priority ?? 128,
    forwarding: 'subgroup',
    properties: more.properties ?? new Uint8Array(0),
    content: { kind: 'payload', payload: typeof payload === 'string' ? encodeUtf8(payload) : payload },
  };
}
