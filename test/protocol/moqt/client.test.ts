import { beforeEach, describe, expect, test } from 'vitest';
import type { PublishOffer, SubscriptionOwner } from '../../../src/protocol/moqt/client/client-api.ts';
import { PublishDoneCode, SessionCode } from '../../../src/protocol/moqt/codes.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { ClientPair } from '../../harness/moqt/client-pair.ts';
import { namespace, object, track } from '../../harness/moqt/names.ts';

let pair: ClientPair;
let offers: PublishOffer[];
/** What owners are told. */
let told: string[];
beforeEach(() => {
  pair = new ClientPair();
  offers = [];
  told = [];
  pair.client.subscribeTracks(namespace('room'), { forward: false }, (offer) => {
    offers.push(offer);
  });
  pair.run();
  pair.relay.session.acceptRequest(pair.relay.request('subscribe-tracks').id);
});

/** The relay's PUBLISH, as the client hands it on. */
function offered(): { readonly offer: PublishOffer; readonly id: RequestId } {
  const id = pair.relay.session.publish(track('room', 'media'), { forward: true, description: {} });
  pair.run();
  const offer = offers.at(-1);
  if (offer === undefined) throw new Error('nothing was offered');
  return { offer, id };
}

const owner = (name: string): SubscriptionOwner => ({
  object: () => told.push(`${name}: object`),
  done: () => told.push(`${name}: done`),
});

describe('an offer that ended before it is accepted', () => {
  const ends = {
    'is taken back': (id: RequestId) => {
      pair.relay.session.cancel(id);
    },
    'ends in good order': (id: RequestId) => {
      pair.relay.session.publishDone(id, PublishDoneCode.TRACK_ENDED, 'over');
    },
    'is lost with its session': () => {
      pair.relay.session.close(SessionCode.NO_ERROR, 'bye');
    },
  };

  test.each(Object.entries(ends))('and %s: its owner hears so, after it was accepted', (_, end) => {
    const { offer, id } = offered();
    end(id);
    pair.run();
    offer.accept({}, owner('Ana'));
    expect(told).toEqual([]);
    pair.run();
    expect(told).toEqual(['Ana: done']);
    pair.run();
    expect([told.length, pair.client.drain()]).toEqual([1, false]);
  });

  test('is not told to an owner that gave it up at once', () => {
    const { offer, id } = offered();
    pair.relay.session.cancel(id);
    pair.run();
    offer.accept({}, owner('Ana')).cancel();
    pair.run();
    expect(told).toEqual([]);
  });

  test('is refused without a fuss', () => {
    const { offer, id } = offered();
    pair.relay.session.cancel(id);
    pair.run();
    offer.reject({ code: 0, reason: 'no' });
    pair.run();
    expect([told, pair.relay.of('closed')]).toEqual([[], []]);
  });
});

describe('a subscription that is handed over', () => {
  test('goes on with its next owner', () => {
    const { offer, id } = offered();
    const next = offer.accept({ forward: true }, owner('Ana')).handOver();
    pair.run();
    next.accept({ forward: true }, owner('Bo'));
    pair.run();
    pair.relay.session.sendSingleObject(id, object(0, 0, 'x'), true);
    pair.run();
    pair.relay.session.publishDone(id, PublishDoneCode.TRACK_ENDED, 'over');
    pair.run();
    expect(told).toEqual(['Bo: object', 'Bo: done']);
  });

  test('and ends between two owners is told to the next, however often it was handed over', () => {
    const { offer, id } = offered();
    const next = offer.accept({}, owner('Ana')).handOver();
    pair.run();
    pair.relay.session.publishDone(id, PublishDoneCode.TRACK_ENDED, 'over');
    pair.run();
    const last = next.accept({}, owner('Bo')).handOver();
    pair.run();
    expect(told).toEqual([]);
    last.accept({}, owner('Cy'));
    pair.run();
    expect(told).toEqual(['Cy: done']);
  });
});
