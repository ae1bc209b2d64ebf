/** Those who mean harm to a simulated meeting, each with no more than it has. */
import { equal } from '../../src/protocol/bytes/equal.ts';
import { encodeUtf8 } from '../../src/protocol/bytes/utf8.ts';
import type { LockToken } from '../../src/protocol/counter/client.ts';
import { encodeReceipt, NO_PREVIOUS_RECEIPT } from '../../src/protocol/counter/receipt.ts';
import type { CallProof } from '../../src/protocol/counter/rules.ts';
import { encodeControlMessage } from '../../src/protocol/group/control.ts';
import type { JoinId } from '../../src/protocol/group/leaf-join.ts';
import type { BegunEpoch, GroupHandle } from '../../src/protocol/group/mls.ts';
import {
  classifyTrack,
  commitTrack,
  fingerprintOf,
  groupNameOf,
  keyPackageTrack,
  senderIdOf,
  type GroupName,
  type GroupTrack,
} from '../../src/protocol/group/names.ts';
import type { RoomKey } from '../../src/protocol/group/room-keys.ts';
import { encodeLocProperties, MICROSECOND_TIMESCALE } from '../../src/protocol/media/loc.ts';
import type { CounterAsk } from '../../src/protocol/meeting/effects.ts';
import { MeetingKeys } from '../../src/protocol/meeting/meeting-keys.ts';
import { mlsObject } from '../../src/protocol/meeting/short-publication.ts';
import { mediaKindOf } from '../../src/protocol/meeting/track-instance.ts';
import {
  groupId,
  objectId,
  subgroupId,
  type FullTrackName,
  type MoqtObject,
} from '../../src/protocol/moqt/model.ts';
import type { SessionEvent } from '../../src/protocol/moqt/session-api.ts';
import { epoch, unixMillis, type Epoch } from '../../src/protocol/units.ts';
import { fakeCrypto, serviceKey } from '../harness/group/simulation.ts';
import { passOf } from '../harness/simulation/intruder.ts';
import { Outsider } from '../harness/simulation/outsider.ts';
import type { SimulatedMember } from '../harness/simulation/simulated-meeting.ts';
import type { Attack, Schedule } from './schedule.ts';
import { Records, Spy } from './spy.ts';
import { FORGED, type WatchedMeeting } from './watched-meeting.ts';

/** Generations whose names are tried. */
const GENERATIONS = [0, 1, 2, 3, 4, 5];
const JUNK = encodeUtf8('junk');
/** Locations that nobody has come to. */
const AHEAD = groupId(1_000_000n);
/** Who is thrown out by a forged good-bye is back by then. */
const BACK_MS = 90_000;
/** How long a lock that is taken lives, and a little. */
const LOCKED_MS = 6_000;
/** Nobody holds this group: whoever calls has the key itself. */
const NOBODY = 0 as GroupHandle;

/** What there is to attack. */
interface Target {
  readonly generation: number;
  readonly group: GroupName;
  readonly epoch: Epoch;
}

/** Who was not invited, and tells when the relay lets it have or do anything. */
class Stranger extends Outsider {
  readonly #told: (what: string) => void;

  constructor(world: WatchedMeeting, told: (what: string) => void) {
    super(world);
    this.#told = told;
  }

  protected override noticed(event: SessionEvent): void {
    super.noticed(event);
    if (['request', 'publish-ok', 'request-ok', 'subscribe-ok', 'object', 'namespace'].includes(event.kind))
      this.#told(`the relay told somebody who was not invited: ${event.kind}`);
  }
}

export class Adversaries {
  readonly #world: WatchedMeeting;
  readonly #relay: Schedule['relay'];
  readonly #records = new Records();
  readonly #groups: readonly GroupName[];
  #spy: Spy | undefined;
  #made = 0;

  /** @param isAwake - whether any of them is to do anything: they look on from the start. */
  constructor(world: WatchedMeeting, relay: Schedule['relay'], isAwake: boolean) {
    this.#world = world;
    this.#relay = relay;
    this.#groups = GENERATIONS.map((generation) => this.#groupOf(generation));
    if (isAwake) this.#look();
  }

  /** @returns for how long what it did may disturb people, ms; 0: not at all. */
  attack(attack: Attack, who: SimulatedMember | undefined): number {
    const target = this.#target();
    if (target === undefined) return 0;
    switch (attack.by) {
      case 'link':
        return this.#byLink(attack.does, target);
      case 'relay':
        return this.#byRelay(attack);
      case 'former':
        return who === undefined ? 0 : this.#byFormer(attack.does, who, target);
      case 'stranger':
        this.#byStranger(target);
        return 0;
    }
  }

  /** The relay's process is a new one. */
  relayStarted(): void {
    if (this.#spy !== undefined) this.#look();
  }

  /** What goes on by itself ends. */
  rest(): void {
    this.#world.network.withheldPercent = 0;
  }

  #look(): void {
    const passes =
      this.#relay === 'ours' ? GENERATIONS.map((generation) => passOf(this.#world, generation)) : [];
    this.#spy = new Spy(this.#world, passes, this.#groups, this.#records);
  }

  #byLink(
    does: Extract<Attack, { by: 'link' }>['does'],
    { generation, group, epoch: current }: Target,
  ): number {
    const spy = this.#spy;
    switch (does) {
      case 'junk-key-packages': {
        const key = this.#fresh();
        const sender = senderIdOf(fingerprintOf(key, fakeCrypto), key.slice(0, 8) as JoinId);
        const replayed = this.#recorded('key-packages').flatMap(({ objects }) => objects);
        const objects = replayed.map(({ content }, at) =>
          mlsObject(0n, at + 1, content.kind === 'payload' ? content.payload : JUNK),
        );
        spy?.offer(keyPackageTrack(group, sender), [mlsObject(0n, 0, JUNK), ...objects]);
        this.#replay('key-packages');
        return 0;
      }
      case 'junk-commits':
        spy?.offer(
          commitTrack(group),
          [1n, 2n, 3n, 4n].flatMap((by) => [0, 1, 2, 3].map((id) => mlsObject(current + by, id, JUNK))),
        );
        return 0;
      case 'forged-receipt':
        spy?.offer(commitTrack(group), this.#forgedCommit(group, epoch(current + 1n)));
        return 0;
      case 'fake-instances':
        for (const { track } of this.#recorded('control', 'media'))
          for (let fake = 0; fake < 6; fake += 1) spy?.offer(this.#besides(track), [mlsObject(0n, 0, JUNK)]);
        return 0;
      case 'locks':
        return this.#takeLocks(generation, group, current);
    }
  }

  #byRelay(attack: Extract<Attack, { by: 'relay' }>): number {
    switch (attack.does) {
      case 'withhold':
        this.#world.network.withheldPercent = attack.percent;
        this.#world.agenda.after(attack.duration, () => {
          this.rest();
        });
        return attack.duration;
      case 'replay-key-packages':
        this.#replay('key-packages');
        return 0;
      case 'replay-media':
        this.#replay('control', 'media');
        return 0;
      case 'replay-commits':
        this.#replay('commits', 'welcome');
        return 0;
    }
  }

  #byFormer(does: Extract<Attack, { by: 'former' }>['does'], who: SimulatedMember, target: Target): number {
    const held = who.memory.filter(({ view }) => equal(view.groupId, target.group));
    const newest = held.at(-1);
    if (newest === undefined) return 0;
    const isInside = this.#world.members.some(
      (member) => member.id !== who.id && member.sees(who) !== undefined,
    );
    switch (does) {
      case 'calls-counter':
        this.#callCounter(who, held, target);
        return 0;
      case 'says-leave':
        this.#sealAs(newest, 'control', encodeControlMessage({ kind: 'leave' }));
        return isInside ? BACK_MS : 0;
      case 'speaks':
        this.#sealAs(newest, 'media', encodeUtf8(`${FORGED}/${who.name}`));
        return 0;
    }
  }

  /** On a relay that asks for passes: who has none learns and does nothing. */
  #byStranger({ group }: Target): void {
    if (this.#relay !== 'ours') return;
    const stranger = new Stranger(this.#world, (what) => {
      this.#world.fault(what);
    });
    const [namespace] = [commitTrack(group).namespace];
    stranger.session.subscribeTracks(namespace, { forward: true });
    stranger.session.subscribeNamespace(namespace);
    for (const track of this.#records.tracks) stranger.session.subscribe(track, {});
    stranger.offer(commitTrack(group), [mlsObject(1n, 0, JUNK)]);
  }

  /** With the room's key: no generation begins while one is alive, and nothing of a group is locked or moved. */
  #takeLocks(generation: number, group: GroupName, current: Epoch): number {
    const { counter, signer } = this.#world;
    const isAlive = counter.meeting !== undefined;
    const room: CallProof = (key, publicKey) => key === 'room' && equal(publicKey, signer.publicKey);
    for (const next of [generation + 1, generation + 2]) {
      const lock = this.#call(lockAsk(this.#groupOf(next), epoch(0n), next, this.#fresh()), room);
      if (lock === 'granted' && isAlive)
        this.#world.fault('somebody with the link got the lock of another generation');
      if (lock === 'granted') return LOCKED_MS;
    }
    this.#mustFail('somebody with the link', group, current, room);
    return 0;
  }

  /** With the keys of epochs that are over nothing is locked, moved or kept alive. */
  #callCounter(who: SimulatedMember, held: readonly BegunEpoch[], { group }: Target): void {
    const current = this.#counterEpoch(group);
    if (current === undefined || held.some(({ view }) => view.epoch >= current)) return;
    const proof: CallProof = (key, publicKey) =>
      key === 'epoch' && held.some(({ view }) => equal(view.epochKey, publicKey));
    this.#mustFail(`${who.name}, who is no member any more,`, group, current, proof);
  }

  #mustFail(who: string, group: GroupName, current: Epoch, proof: CallProof): void {
    const val = epoch((this.#counterEpoch(group) ?? current) + 1n);
    if (this.#call(lockAsk(group, val, 0, this.#fresh()), proof) === 'granted')
      this.#world.fault(`${who} got the lock`);
    const [commit, nextKey, token] = [this.#fresh(), this.#fresh(), 'token 1' as LockToken];
    const request = { mode: 'fenced', val, token, commit, transcript: this.#fresh(), nextKey } as const;
    if (this.#call({ kind: 'increment', input: { group, request } }, proof) === 'ok')
      this.#world.fault(`${who} moved the counter`);
    for (const kind of ['alive', 'close'] as const)
      if (this.#call({ kind, input: { group, val: epoch(val - 1n), member: NOBODY } }, proof) === 'ok')
        this.#world.fault(`${who} could say ${kind}`);
  }

  #counterEpoch(group: GroupName): Epoch | undefined {
    const { counter, signer } = this.#world;
    const room: CallProof = (_, publicKey) => equal(publicKey, signer.publicKey);
    const history = counter.answer({ kind: 'history', input: { group, from: epoch(0n) } }, room);
    return (history as { current?: Epoch }).current;
  }

  #call(ask: CounterAsk, proof: CallProof): string {
    return (this.#world.counter.answer(ask, proof) as { kind: string }).kind;
  }

  /** Seals something in each track of a kind that was seen, and in one beside it, as if it came from its member. */
  #sealAs({ view, masterKey }: BegunEpoch, kind: 'control' | 'media', payload: Uint8Array): void {
    for (const { track } of this.#recorded(kind)) {
      const seen = classifyTrack(view.groupId as GroupName, track);
      if (seen.kind !== kind || (kind === 'media' && mediaKindOf(seen.instance) !== 'audio')) continue;
      for (const name of [track, this.#besides(track)]) {
        const keys = new MeetingKeys({ mlsHash: 'SHA-256', suite: 4 }, this.#world.mediaCrypto);
        keys.begin(view.epoch, masterKey.slice(), this.#world.agenda.now);
        const header = { group: AHEAD, object: objectId(0n), priority: kind === 'control' ? 8 : 32 };
        const loc = { timestamp: 0n, timescale: MICROSECOND_TIMESCALE };
        const properties = kind === 'control' ? {} : { encrypted: encodeLocProperties(loc) };
        const sealed = keys.sealer(name).seal(header, payload, properties);
        keys.erase();
        if (sealed.kind !== 'sealed') continue;
        const object: MoqtObject = {
          location: { group: header.group, object: header.object },
          subgroup: subgroupId(0n),
          publisherPriority: header.priority,
          forwarding: 'subgroup',
          properties: sealed.properties,
          content: { kind: 'payload', payload: sealed.payload },
        };
        this.#spy?.offer(name, [object]);
      }
    }
  }

  /** A Commit of nobody's with a receipt that the counter has not signed. */
  #forgedCommit(group: GroupName, begun: Epoch): MoqtObject[] {
    const commit = this.#fresh();
    const signer = { publicKey: serviceKey, sign: () => new Uint8Array(64) };
    const receipt = encodeReceipt(
      {
        group,
        epoch: begun,
        attempt: 0,
        commitHash: fakeCrypto.sha256(commit),
        transcript: this.#fresh(),
        nextKey: this.#fresh(),
        time: unixMillis(1),
        previousHash: NO_PREVIOUS_RECEIPT,
      },
      signer,
      fakeCrypto,
    );
    return [mlsObject(begun, 0, commit), mlsObject(begun, 1, receipt)];
  }

  /** Sends what was recorded of tracks of some kinds once more, under their names. */
  #replay(...kinds: readonly GroupTrack['kind'][]): void {
    for (const { track, objects } of this.#recorded(...kinds)) this.#spy?.offer(track, objects);
  }

  #recorded(
    ...kinds: readonly GroupTrack['kind'][]
  ): { track: FullTrackName; objects: readonly MoqtObject[] }[] {
    return this.#records.tracks.flatMap((track) => {
      const group = this.#groups.find((each) => classifyTrack(each, track).kind !== 'foreign');
      if (group === undefined || !kinds.includes(classifyTrack(group, track).kind)) return [];
      return [{ track, objects: this.#records.of(track) }];
    });
  }

  /** A track that nobody publishes, with another instance. */
  #besides({ namespace, name }: FullTrackName): FullTrackName {
    const instance = (namespace.at(-1) ?? JUNK).slice();
    this.#made += 1;
    instance.set(encodeUtf8(this.#made.toString(36).padStart(4, '0')), instance.length - 5);
    return { namespace: [...namespace.slice(0, -1), instance], name };
  }

  /** In the first room, the link to which is theirs. */
  #target(): Target | undefined {
    for (const { group } of this.#world.present) {
      const generation = group && GENERATIONS.find((each) => equal(this.#groupOf(each), group.group));
      if (group !== undefined && generation !== undefined)
        return { generation, group: group.group, epoch: group.epoch };
    }
    return undefined;
  }

  #groupOf(generation: number): GroupName {
    return groupNameOf(this.#world.signer.publicKey as RoomKey, generation, fakeCrypto);
  }

  #fresh(): Uint8Array {
    this.#made += 1;
    return fakeCrypto.sha256(encodeUtf8(`fresh ${String(this.#made)}`));
  }
}

function lockAsk(group: GroupName, val: Epoch, generation: number, nonce: Uint8Array): CounterAsk {
  return { kind: 'lock', input: { group, request: { mode: 'fenced', val, nonce, generation } } };
}
