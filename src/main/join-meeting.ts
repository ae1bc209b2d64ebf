/** Puts a meeting together from its real parts: native QUIC, the counter's HTTPS service, the MLS worker, the sealed store. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../io/clock.ts';
import { HttpsCounterClient } from '../io/counter/counter-client.ts';
import { addonCrypto } from '../io/crypto/addon-crypto.ts';
import { ed25519Signer } from '../io/crypto/raw-keys.ts';
import { quic, type TlsTrust } from '../io/quic/addon.ts';
import { encodeBase64Url } from '../protocol/bytes/base64url.ts';
import { equal } from '../protocol/bytes/equal.ts';
import { DEFAULT_TIMING } from '../protocol/group/coordination/timing.ts';
import { invariant } from '../protocol/errors.ts';
import { parseInvitation, type Invitation } from '../protocol/group/invitation.ts';
import { fingerprintOf, type GroupName } from '../protocol/group/names.ts';
import { invitationPskOf, roomKeysOf, type RoomKey } from '../protocol/group/room-keys.ts';
import { labelText } from '../protocol/history/history-file.ts';
import type { DownlinkItem, ParticipantId } from '../protocol/media/encoded-media.ts';
import { participantIdOf } from '../protocol/meeting/members.ts';
import type { Founding } from '../protocol/meeting/rooms-api.ts';
import { PROTOCOLS } from '../protocol/moqt/drafts.ts';
import { unixMillis } from '../protocol/units.ts';
import type { Identity } from './identity/identity.ts';
import { trustOf } from './invitations.ts';
import { writeKeyHistory, type KeyHistory } from './key-history.ts';
import type { KickedKeysStore } from './kicked-keys.ts';
import type { MembershipStore } from './meeting/membership-store.ts';
import { MovingMeeting, type RoomObserver } from './meeting/moving-meeting.ts';
import { RunningMeeting } from './meeting/running-meeting.ts';
import { openDoorName, sealDoorName } from './mls/door-name.ts';
import type { MlsMembership, MlsPort } from './mls/mls-port.ts';
import { PROFILE } from '../protocol/secure-objects/aad.ts';
import { nodeGroupCrypto } from './mls/node-group-crypto.ts';
import type { StateStore } from './storage/state-store.ts';

/** Secure Objects suite AES-128-GCM. @see docs/protocol.md#keys-and-sealed-objects */
const SECURE_OBJECTS_SUITE = 0x0004;

/**
 * A relay that fell silent is noticed before its silence can be taken for that of the other members, who say hello every
 * 4 s and count as silent after 12 s.
 */
const TRANSPORT = { idleTimeoutMs: 7_000, keepAliveMs: 2_000, handshakeTimeoutMs: 5_000 } as const;

/** What joining takes. */
export interface JoinMeetingOptions {
  /** One that can be read. */
  readonly link: string;
  readonly identity: Identity;
  /** Where the membership rests; undefined for guests, who keep nothing. */
  readonly store: StateStore | undefined;
  /** What is remembered of kicks: by guests, too, for as long as the app runs. */
  readonly kickedKeys: KickedKeysStore;
  readonly mls: MlsPort;
  readonly displayName: string;
  readonly downlink: (item: DownlinkItem) => void;
  /** The meeting has a new view. */
  readonly changed: () => void;
}

/** A room of the meeting, with what its servers know of it. */
interface JoinedRoom {
  readonly meeting: RunningMeeting;
  /** The history of the meeting's keys so far. @param names - of members, by participant, as far as they are known. */
  keyHistory(names: ReadonlyMap<ParticipantId, string>): Promise<KeyHistory>;
}

/** The meeting that one has joined. */
export type JoinedMeeting = MovingMeeting<JoinedRoom>;

/** Begins to join the meeting of a link; everything else is told by the meeting. */
export function joinMeeting(options: JoinMeetingOptions): JoinedMeeting {
  const { link, displayName, downlink, changed } = options;
  return new MovingMeeting({
    options: {
      link,
      crypto: nodeGroupCrypto,
      timeOrigin: timeOrigin(),
      random: (length) => new Uint8Array(randomBytes(length)),
    },
    clock: systemClock,
    displayName,
    open: (room, founding, name, observer) => {
      const outcome = parseInvitation(room, nodeGroupCrypto);
      invariant(outcome.kind === 'invitation', 'a link is read before it is followed');
      return openRoom({ ...options, displayName: name }, outcome.invitation, founding, observer);
    },
    downlink,
    changed,
  });
}

const timeOrigin = () => unixMillis(Date.now() - systemClock.now());

/** Begins to join the meeting of one room. */
function openRoom(
  { identity, store, kickedKeys, mls, displayName }: JoinMeetingOptions,
  invitation: Invitation,
  founding: Founding | undefined,
  observer: RoomObserver,
): JoinedRoom {
  const { mode, receiptKey, suite, secret } = invitation;
  const { room, signer, joinProofKey, doorNameKey, headKey } = roomKeysOf(secret, nodeGroupCrypto);
  const trust = trustOf(invitation.anchors);
  const counter = new HttpsCounterClient({
    url: invitation.counter,
    trust,
    room: signer,
    token: invitation.counterToken === '' ? undefined : invitation.counterToken,
    dated: (answer) => {
      meeting.dated(answer);
    },
  });
  const membershipOf = (group: GroupName): MlsMembership => ({
    identity: identity.signatureKey,
    suite,
    groupId: group,
    joinProofKey,
    invitationPsk: invitationPskOf(secret, group, nodeGroupCrypto),
  });
  const meeting = new RunningMeeting({
    options: {
      relays: invitation.relays,
      room,
      signer,
      headKey,
      memberSigner: ed25519Signer(identity.signatureKey.seed),
      parameters: {
        secureObjectsSuite: SECURE_OBJECTS_SUITE,
        profile: PROFILE,
        mode,
        receiptKey,
        kickedKeys: [],
        admission: 'open',
        organisers: [],
        ...founding,
      },
      fingerprint: fingerprintOf(identity.signatureKey.publicKey, nodeGroupCrypto),
      displayName,
      timing: DEFAULT_TIMING,
      timeOrigin: timeOrigin(),
      groupCrypto: nodeGroupCrypto,
      mediaCrypto: addonCrypto,
      random: (length) => new Uint8Array(randomBytes(length)),
    },
    counter,
    mls,
    store: store && membershipStore(store, room),
    kickedKeys,
    room,
    membershipOf,
    wallClock: () => unixMillis(Date.now()),
    sealName: (name) => sealDoorName(name, doorNameKey, randomBytes(12)),
    openName: (sealed) => openDoorName(sealed, doorNameKey),
    clock: systemClock,
    connect: (url) =>
      quic().connect({
        url,
        trust: quicTrust(trust),
        protocols: PROTOCOLS,
        limits: TRANSPORT,
      }),
    ...observer,
    ended: () => {
      counter.disconnect();
    },
  });
  // Of the meetings that follow in this room, too.
  if (founding !== undefined) void kickedKeys.remember(room, founding.kickedKeys).catch(() => undefined);
  return {
    meeting,
    keyHistory: async (names) => {
      const { group: current, history, fork } = meeting.view;
      if (current === undefined) return unavailable('You are not in a meeting.');
      if (receiptKey === undefined)
        return unavailable('This meeting’s counter signs no receipts, so there is no history to save.');
      const { group } = current;
      const record = await mls.keyRecord(membershipOf(group));
      if (record === undefined) return unavailable('You are not in a meeting.');
      const own = history.filter((each) => equal(each.group, group));
      return writeKeyHistory({
        header: { title: labelText(invitation.name), counter: invitation.counter, group, receiptKey },
        counter,
        record,
        receipts: new Map(own.flatMap(({ epoch, receipt }) => (receipt ? [[epoch, receipt]] : []))),
        fork,
        nameOf: (member) => names.get(participantIdOf(member)),
      });
    },
  };
}

const unavailable = (sentence: string): KeyHistory => ({ kind: 'unavailable', sentence });

function quicTrust(trust: ReturnType<typeof trustOf>): TlsTrust {
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
function membershipStore(store: StateStore, room: RoomKey): MembershipStore {
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
