import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { controlTrack, senderIdOf } from '../../../src/protocol/group/names.ts';
import { EarlyOffers } from '../../../src/protocol/meeting/early-offers.ts';
import { InstanceChain } from '../../../src/protocol/meeting/instance-chain.ts';
import { controlInstance } from '../../../src/protocol/meeting/track-instance.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { controlOf, GROUP, person } from './people.ts';
import { PublishedTrack } from './published-track.ts';

const BO = person(1);

/** A control track of somebody who names its tracks as it should. */
function joinsAs(chain: InstanceChain, fingerprint = BO.fingerprint): PublishedTrack {
  const sender = senderIdOf(fingerprint, chain.joinId());
  return new PublishedTrack(controlTrack(GROUP, sender, controlInstance(chain.next())));
}

describe('offers from before we are a member', () => {
  test('are taken in the order in which they came, and once', () => {
    const offers = new EarlyOffers(meetingCore());
    const tracks = [controlOf(BO, 1, 1), controlOf(person(2), 1, 1)];
    for (const track of tracks) offers.hold(track.offer());
    expect(offers.take().map(({ track }) => track)).toEqual(tracks.map(({ track }) => track));
    expect(offers.take()).toEqual([]);
  });

  test('that are of nobody are refused', () => {
    const offers = new EarlyOffers(meetingCore());
    const foreign = new PublishedTrack({
      namespace: [encodeUtf8('a'), encodeUtf8('b')],
      name: encodeUtf8('o'),
    });
    offers.hold(foreign.offer());
    expect([foreign.rejected, offers.take()]).toEqual([1, []]);
  });

  test('of one are 256 at most, in whatever number others are there', () => {
    const offers = new EarlyOffers(meetingCore());
    const others = Array.from({ length: 100 }, (_, at) => controlOf(person(2 + at), 1, 1));
    for (const other of others) offers.hold(other.offer());
    const flood = Array.from({ length: 2_000 }, (_, at) => controlOf(BO, at % 251, at % 256));
    for (const track of flood) offers.hold(track.offer());
    expect(others.filter(({ rejected }) => rejected > 0)).toEqual([]);
    expect(flood.filter(({ rejected }) => rejected === 0)).toEqual(flood.slice(-256));
  });

  test('whose names follow the join of their sender make room last, whenever they came', () => {
    const core = meetingCore();
    const offers = new EarlyOffers(core);
    const chain = new InstanceChain({
      random: (length) => core.options.random(length),
      groupCrypto: nodeGroupCrypto,
    });
    const own = [joinsAs(chain), joinsAs(chain, person(3).fingerprint)];
    for (const track of own) offers.hold(track.offer());
    for (let at = 0; at < 1_000; at += 1) offers.hold(controlOf(BO, at % 251, at % 256).offer());
    for (let at = 0; at < 4_200; at += 1) offers.hold(controlOf(person(at % 250), 1, at % 256).offer());
    expect(own.map(({ rejected }) => rejected)).toEqual([0, 0]);
    // Of those in turn the oldest.
    const more = Array.from({ length: 256 }, () => joinsAs(chain));
    for (const track of more) offers.hold(track.offer());
    expect([own[0]?.rejected, own[1]?.rejected, more[0]?.rejected]).toEqual([1, 0, 0]);
  });
});
