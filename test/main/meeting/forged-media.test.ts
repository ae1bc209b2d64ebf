/** A member who sends as another, with real clients, relay, counter and MLS: whoever is in a meeting has the keys of all tracks. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { createInvitation } from '../../../src/main/invitations.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import { classifyTrack, mediaTrack } from '../../../src/protocol/group/names.ts';
import { encodeLocProperties } from '../../../src/protocol/media/loc.ts';
import { mediaInstance, mediaKindOf } from '../../../src/protocol/meeting/track-instance.ts';
import { groupId, objectId, type FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { Eavesdropper, type Overheard } from '../../harness/meeting/eavesdropper.ts';
import { forge } from '../../harness/meeting/forge.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { HoardingMls } from '../../harness/meeting/hoarding-mls.ts';
import { startServices, type RelayChoice } from '../../harness/meeting/services.ts';

const FORGED = encodeUtf8('send the money');
const SPOKEN = encodeUtf8('Bo speaks');
const SOUND = encodeLocProperties({ timestamp: 1n, timescale: 1_000_000n });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Scene {
  readonly ana: HeadlessMember;
  readonly bo: HeadlessMember;
  readonly boId: string;
  readonly eve: Eavesdropper;
  /** Sends sound that opens as Bo's, at a location of a track. */
  send(track: FullTrackName, group: bigint, object?: bigint): Promise<boolean>;
  /** Sound of Bo on its way, in order. */
  sound(): readonly Overheard[];
  /** How often Ana heard what was forged, and what was not. */
  heard(): { readonly forged: number; readonly own: number };
}

/** Ana and Mallory hear Bo speak; Mallory keeps the keys and reaches the relay beside her own app. */
async function scene(relay: RelayChoice): Promise<Scene> {
  const services = await startServices(relay);
  closing.push(() => services.close());
  const link = createInvitation(services.servers, 'Forged', 'classical');
  const ana = new HeadlessMember('Ana', link);
  await eventually('Ana is in', () => ana.size === 1, 60);
  const bo = new HeadlessMember('Bo', link);
  await eventually('Bo is in', () => bo.size === 2, 60);
  const mls = new HoardingMls();
  const mallory = new HeadlessMember('Mallory', link, { mls });
  await eventually('all are in', () => [ana, bo, mallory].every(({ size }) => size === 3), 60);
  for (const { meeting } of [ana, bo, mallory]) closing.push(() => meeting.suspend());
  const eve = await Eavesdropper.listen(services.servers, link);
  closing.push(() => {
    eve.close();
  });
  bo.goLive();
  const timer = setInterval(() => {
    bo.speak(SPOKEN);
  }, 20);
  closing.push(() => {
    clearInterval(timer);
  });
  const [boId = '', { group, senderId } = {}] = [bo.id, bo.group];
  if (group === undefined || senderId === undefined) throw new Error('Bo is no member');
  const isSound = ({ track }: Overheard): boolean => {
    const named = classifyTrack(group, track);
    return named.kind === 'media' && equal(named.sender, senderId) && mediaKindOf(named.instance) === 'audio';
  };
  const heard = (): { forged: number; own: number } => {
    const chunks = ana.chunksFrom(boId, 'audio');
    const forged = chunks.filter((chunk) => equal(chunk, FORGED)).length;
    return { forged, own: chunks.length - forged };
  };
  await eventually('Bo is heard', () => heard().own > 100, 60);
  const sound = (): Overheard[] => eve.heard.filter(isSound);
  await eventually('Mallory follows', () => sound().length > 100, 60);
  const send = (track: FullTrackName, at: bigint, object = 0n): Promise<boolean> => {
    const masterKey = mls.masterKeys.get(mallory.epoch ?? 0n);
    if (masterKey === undefined) throw new Error('no keys');
    const location = { group: groupId(at), object: objectId(object) };
    const what = { track, location, priority: 32, payload: FORGED, encrypted: SOUND };
    return eve.send(track, forge({ epoch: mallory.epoch ?? 0n, masterKey }, what));
  };
  return { ana, bo, boId, eve, send, sound, heard };
}

test(
  'sound that a member sends as another under a new name is never played',
  { timeout: 180_000 },
  async () => {
    const { ana, bo, boId, send, sound, heard } = await scene({ kind: 'ours' });
    const { group, senderId } = bo.group ?? {};
    if (group === undefined || senderId === undefined) throw new Error('Bo is no member');
    const track = mediaTrack(group, senderId, mediaInstance('audio', new Uint8Array(randomBytes(16))));
    for (let at = 0n; at < 50n; at += 1n) expect(await send(track, at)).toBe(true);
    const passed = sound().length;
    await eventually('Bo goes on', () => sound().length > passed + 100, 60);
    // Bo is silent, and would be replaced.
    bo.meeting.setSending({ microphone: false, camera: false });
    const until = performance.now() + 2_500;
    let at = 50n;
    await eventually('Bo was silent for long', () => {
      void send(track, at);
      at += 1n;
      return performance.now() > until;
    });
    expect([heard().forged, ana.participant(boId)?.doubt]).toEqual([0, 'none']);
  },
);

test(
  'sound that a member sends as another on the other’s own track, where the relay helps it, is noticed and stops both',
  { timeout: 180_000 },
  async () => {
    const { ana, boId, send, sound, heard } = await scene({ kind: 'lawless' });
    const { track, object } = sound().at(-1) ?? {};
    if (track === undefined || object === undefined) throw new Error('Bo is not heard');
    // A little ahead of Bo, whose own object there comes too late.
    expect(await send(track, object.location.group + 10n)).toBe(true);
    await eventually('Ana is warned', () => ana.participant(boId)?.doubt === 'forged', 60);
    const { own, forged } = heard();
    expect(forged).toBeLessThanOrEqual(1);
    const passed = sound().length;
    await eventually('Bo goes on', () => sound().length > passed + 50, 60);
    expect(heard()).toEqual({ own, forged });
    expect(ana.view.notices.map(({ news }) => news.kind)).toEqual(['forged']);
    await eventually('Bo is heard again', () => heard().own > own + 10, 60);
    expect(ana.participant(boId)?.doubt).toBe('none');
  },
);
