/** Puts a meeting together from its real parts: native QUIC, the counter's HTTPS service, the MLS worker, the sealed store. */
import { HttpsCounterClient } from '../io/counter/counter-client.ts';
import { connectMoqt } from '../io/moqt/client.ts';
import type { DownlinkItem } from '../contract/media.ts';
import { encodeBase64Url } from '../protocol/bytes/base64url.ts';
import type { Invitation } from '../protocol/group/invitation.ts';
import type { Millis } from '../protocol/units.ts';
import { joinGroup } from './group/group-member.ts';
import type { MembershipStore } from './group/group-asks.ts';
import type { Identity } from './identity/identity.ts';
import { trustOf } from './invitations.ts';
import { readKeyHistory, type KeyHistory } from './key-history.ts';
import { Meeting } from './meeting/meeting.ts';
import type { MlsPort } from './mls/mls-port.ts';
import type { StateStore } from './storage/state-store.ts';

/**
 * A relay that fell silent is noticed before its silence can be taken for that of the other members, who say hello every
 * 4 s and count as silent after 12 s.
 */
const TRANSPORT = { idleTimeoutMs: 7_000, keepAliveMs: 2_000, handshakeTimeoutMs: 5_000 } as const;

/** What joining takes. */
export interface JoinMeetingOptions {
  readonly invitation: Invitation;
  readonly identity: Identity;
  /** Where the membership rests; undefined for guests, who keep nothing. */
  readonly store: StateStore | undefined;
  readonly mls: MlsPort;
  readonly displayName: () => string;
  readonly now: () => Millis;
  readonly wallClock: () => number;
  readonly downlink: (item: DownlinkItem) => void;
  readonly changed: () => void;
}

/** A meeting with what its servers know of it. */
export interface JoinedMeeting {
  readonly meeting: Meeting;
  /** The signed history of the meeting's keys so far. */
  keyHistory(): Promise<KeyHistory>;
}

/** Begins to join the invitation's meeting; everything else is told by the meeting. */
export function joinMeeting(options: JoinMeetingOptions): JoinedMeeting {
  const { invitation, identity, store, mls, displayName, now, wallClock, downlink, changed } = options;
  const trust = trustOf(invitation.anchors);
  const counter = new HttpsCounterClient({
    url: invitation.counter,
    trust,
    token: invitation.counterToken === '' ? undefined : invitation.counterToken,
  });
  const meeting = new Meeting({
    relays: invitation.relays,
    connect: (url, origin) =>
      connectMoqt({ url, trust: quicTrust(trust), origin, transportLimits: TRANSPORT }),
    group: (listener) =>
      joinGroup({
        invitation,
        identity: identity.signatureKey,
        counter,
        mls,
        store: store && membershipStore(store, invitation),
        onEvent: (event) => {
          listener.event(event);
        },
        onTrackOffered: (offer) => {
          listener.offered(offer);
        },
        onFault: (error) => {
          listener.fault(error);
        },
      }),
    ended: () => {
      counter.close();
    },
    displayName,
    now,
    wallClock,
    downlink,
    changed,
  });
  return {
    meeting,
    keyHistory: async () => {
      const group = meeting.current?.group;
      return group === undefined
        ? { kind: 'unavailable', sentence: 'You are in no meeting.' }
        : readKeyHistory(counter, group, invitation.receiptKey);
    },
  };
}

function quicTrust(trust: ReturnType<typeof trustOf>): Parameters<typeof connectMoqt>[0]['trust'] {
  switch (trust.kind) {
    case 'system':
      return trust;
    case 'ca':
      return { kind: 'ca', pem: trust.caPem };
    case 'certificate-hash':
      return { kind: 'certificate-hash', sha256: [trust.sha256] };
  }
}

/** The membership of one room in the sealed store; what cannot be read is as good as not there: one joins again. */
function membershipStore(store: StateStore, { room }: Invitation): MembershipStore {
  const name = `membership-${encodeBase64Url(room)}`;
  return {
    load: async () => {
      const loaded = await store.load(name);
      if (loaded.kind === 'unreadable') await store.erase(name);
      return loaded.kind === 'loaded' ? loaded.bytes : undefined;
    },
    save: (bytes) => store.save(name, bytes),
    erase: () => store.erase(name),
  };
}
