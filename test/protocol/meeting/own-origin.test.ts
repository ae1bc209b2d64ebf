import { beforeEach, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { OutgoingTrack } from '../../../src/protocol/meeting/outgoing-track.ts';
import { ownOrigin } from '../../../src/protocol/meeting/own-origin.ts';
import type { TrackOrigin } from '../../../src/protocol/moqt/client/client-api.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { at, object, track } from '../../harness/moqt/names.ts';
import { ScriptedPublication, textOf } from './scripted-relay.ts';

const SEALED = track('group/media', 'o');
const COMMITS = track('group', 'commits');
const FOREIGN = track('elsewhere', 'o');
const NOTHING = new Uint8Array(0);

let sealed: OutgoingTrack;
let wanted: number;
let origin: TrackOrigin;
beforeEach(() => {
  wanted = 0;
  sealed = new OutgoingTrack({
    track: SEALED,
    priority: 1,
    queueLimit: 100,
    seal: (_header, payload) => ({ properties: NOTHING, payload }),
    onCongestion: () => undefined,
    onWanted: () => {
      wanted += 1;
    },
  });
  origin = ownOrigin(
    (name) => (name === SEALED ? sealed : undefined),
    (name) =>
      name === COMMITS ? [object(4, 0, 'commit'), object(4, 1, 'receipt'), object(5, 0, 'next')] : undefined,
  );
});
const fetched = (
  name: FullTrackName,
  ...[start, end]: [[number, number], [number, number]]
): string[] | undefined => origin.fetch(name, at(...start), at(...end))?.map(textOf);

test('what we publish is fetched from us, as far as it was asked for', () => {
  expect(fetched(SEALED, [0, 0], [9, 9])).toEqual([]);
  sealed.append(encodeUtf8('key'), NOTHING, true);
  sealed.append(encodeUtf8('delta'), NOTHING, false);
  expect(fetched(SEALED, [0, 1], [9, 9])).toEqual(['0/1 delta']);
  expect(fetched(COMMITS, [4, 1], [5, 0])).toEqual(['4/1 receipt', '5/0 next']);
  expect(fetched(COMMITS, [4, 0], [4, 0])).toEqual(['4/0 commit']);
  expect(fetched(FOREIGN, [0, 0], [9, 9])).toBeUndefined();
});

test('the largest location is told of ours, also where there is none yet', () => {
  expect([SEALED, COMMITS, FOREIGN].map((name) => origin.largest(name))).toEqual([null, at(5, 0), undefined]);
  sealed.append(encodeUtf8('key'), NOTHING, true);
  expect(origin.largest(SEALED)).toEqual(at(0, 0));
});

test('whoever subscribes to a sealed track of ours gets it until it is over', () => {
  const subscriber = (name: FullTrackName): ScriptedPublication => {
    const owner = { ended: () => undefined };
    const publication = new ScriptedPublication(name, { forward: true, description: {} }, owner);
    publication.forwarding = true;
    return publication;
  };
  const [first, foreign] = [subscriber(SEALED), subscriber(FOREIGN)];
  const owner = origin.subscribed(first);
  expect(wanted).toBe(1);
  sealed.sendGroup(encodeUtf8('one'), NOTHING);
  owner.ended('gone');
  sealed.sendGroup(encodeUtf8('two'), NOTHING);
  expect(first.texts).toEqual(['0/0 one']);
  origin.subscribed(foreign).ended('gone');
  expect([foreign.texts, wanted]).toEqual([[], 1]);
});
