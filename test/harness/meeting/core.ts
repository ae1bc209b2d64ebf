/** The shared part of a meeting machine, for tests of its other parts: everything about it is fixed. */
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import type { DownlinkItem } from '../../../src/protocol/media/encoded-media.ts';
import { MeetingCore, type GroupNotices, type MeetingOptions } from '../../../src/protocol/meeting/core.ts';
import type { MeetingEffect } from '../../../src/protocol/meeting/effects.ts';
import { Tasks } from '../../../src/protocol/tasks.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import { seededRandom } from '../moqt/wire.ts';

/** When time 0 of the tests is by this machine's clock, in ms since 1970: an hour ahead of the simulated counter's. */
export const TIME_ORIGIN = unixMillis(1_750_003_600_000);

const SIGNER = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(1));

/** Makes one, at time 0. */
export function meetingCore(options: Partial<MeetingOptions> = {}): MeetingCore {
  const random = seededRandom(1);
  return new MeetingCore(
    {
      relays: [
        { url: 'https://a.example/meet', pass: true },
        { url: 'https://b.example/meet', pass: false },
      ],
      room: SIGNER.publicKey as RoomKey,
      signer: SIGNER,
      headKey: new Uint8Array(16).fill(2),
      memberSigner: SIGNER,
      parameters: {
        secureObjectsSuite: 4,
        profile: '01',
        mode: 'plain',
        receiptKey: undefined,
        kickedKeys: [],
        admission: 'open',
        organisers: [],
      },
      fingerprint: new Uint8Array(32).fill(1) as Fingerprint,
      displayName: 'Ana',
      timing: DEFAULT_TIMING,
      timeOrigin: TIME_ORIGIN,
      groupCrypto: nodeGroupCrypto,
      mediaCrypto: nodeCrypto,
      random: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
      ...options,
    },
    new Tasks(),
  );
}

const ignored = (): void => undefined;

/** A group that takes no notice. */
export const DEAF_GROUP: GroupNotices = {
  memberLeft: ignored,
  memberVanished: ignored,
  memberAlive: ignored,
  requestUpdate: ignored,
  epochSeen: ignored,
  removalJudged: ignored,
};

/** Takes out what the parts have wanted since the last time, in order. */
export function effectsOf(core: MeetingCore): MeetingEffect[] {
  const effects: MeetingEffect[] = [];
  for (let effect = core.poll(); effect !== undefined; effect = core.poll()) effects.push(effect);
  return effects;
}

/** Takes out what was wanted, and gives what goes down to the renderer. */
export function downlinkOf(core: MeetingCore): DownlinkItem[] {
  return effectsOf(core).flatMap((effect) => (effect.kind === 'downlink' ? [effect.item] : []));
}
