/**
 * A simulated meeting in which everything that is shown and played is held against what must always be so. What was not so is
 * in `broken`, in words.
 */
import { equal } from '../../src/protocol/bytes/equal.ts';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import type { GroupName } from '../../src/protocol/group/names.ts';
import type { DownlinkItem } from '../../src/protocol/media/encoded-media.ts';
import type { GroupView, MeetingView } from '../../src/protocol/meeting/view.ts';
import { SimulatedMeeting, type SimulatedMember } from '../harness/simulation/simulated-meeting.ts';
import type { SimulatedPerson } from '../harness/simulation/simulated-person.ts';

/** What an epoch is, by the first that showed it. */
interface KnownEpoch {
  readonly ids: ReadonlySet<string>;
  readonly senderIds: readonly string[];
  readonly text: string;
}

/** What is known of a group. */
interface KnownGroup {
  readonly epochs: Map<bigint, KnownEpoch>;
  readonly kicked: Map<string, bigint>;
  /** By SenderId: the first and last epochs in which it was seen in the tree. */
  readonly joins: Map<string, { first: bigint; last: bigint }>;
}

/** Ends that come of what people do. */
const FINE_ENDS = new Set(['left', 'kicked', undefined]);
/** What somebody says who is not who it claims to be. */
export const FORGED = 'forged';
/** What was on its way when its sender was removed may still be played. */
const IN_FLIGHT_MS = 1_000;
/** How long nothing bad may have happened before being removed for absence counts as a fault of the others. */
const CALM_MS = 45_000;

/** What somebody says, so that whoever hears it can tell where it was said. */
interface Saying {
  readonly speaker: string;
  readonly group: string;
  readonly epoch: bigint;
}

/** What a member showed last. */
interface Shown {
  readonly life: number;
  readonly absence: MeetingView['absence']['kind'];
  readonly senderId: string | undefined;
  readonly group: GroupName | undefined;
  readonly epoch: bigint | undefined;
  readonly ids: ReadonlySet<string>;
  /** When those who are in the tree no more were seen to be gone. */
  readonly gone: ReadonlyMap<string, number>;
}

export class WatchedMeeting extends SimulatedMeeting {
  /** Since when nothing has befallen anybody. */
  calmSince = 0;
  /** Whether somebody has broken the line of changes: who gives up its place then comes anew. */
  isLineBroken = false;
  readonly #groups = new Map<string, KnownGroup>();
  readonly #heard = new WeakMap<SimulatedMember, { life: number; said: Set<string> }>();
  readonly #shown = new WeakMap<SimulatedMember, Shown>();
  readonly #lastHeard = new WeakMap<SimulatedPerson, Map<string, number>>();
  readonly #wasPlayed = new WeakMap<SimulatedPerson, { life: number; said: Set<string> }>();
  #said = 0;

  /** Something must never be, and is. Said once. */
  fault(what: string): void {
    if (!this.broken.includes(what)) this.broken.push(what);
  }

  /** Somebody says something, in each room that it is in. */
  say(person: SimulatedPerson): void {
    if (person.group === undefined || person.view.end !== undefined) return;
    this.#said += 1;
    person.say([person.name, String(person.life), String(this.#said)].join('/'));
  }

  /** Watches somebody who was made. */
  watch(person: SimulatedPerson): void {
    person.wordsIn = ({ group }, text) =>
      [text, group === undefined ? 'none' : encodeHex(group.group), String(group?.epoch ?? 0)].join('/');
    person.played = (item) => {
      this.#played(person, item);
    };
  }

  override check(member: SimulatedMember, view: MeetingView): void {
    // What two lines are to their members is looked at in the end.
    if (this.counter.isSplit) return;
    super.check(member, view);
    const { name } = member;
    // Whoever has broken the line, and is back before the others, is somebody with whom nobody is in a meeting again.
    const isFine = FINE_ENDS.has(view.end) || (this.isLineBroken && view.end === 'kicked-is-there');
    if (!isFine) this.fault(`${name} ended with ${String(view.end)}`);
    if (view.attention.has('equivocation')) this.fault(`${name} saw the counter sign two lines`);
    const { group } = view;
    const shown = this.#shown.get(member);
    const isNew = group?.epoch !== shown?.epoch || group?.group !== shown?.group;
    if (group !== undefined && isNew) this.#checkGroup(member, group);
    if (isNew || view.absence.kind !== shown?.absence || member.life !== shown.life)
      this.#checkOrder(member, view);
  }

  override heard(member: SimulatedMember, item: DownlinkItem): void {
    if (item.kind !== 'chunk') return;
    const text = Buffer.from(item.bytes).toString();
    if (text.startsWith(FORGED)) {
      this.#heardForged(member, text);
      return;
    }
    const saying = readSaying(text);
    if (saying === undefined) {
      this.fault(`${member.name} played what nobody said: ${text}`);
      return;
    }
    const speaker = this.members.find(({ name }) => name === saying.speaker);
    if (speaker?.id !== item.participant) this.fault(`${member.name} took ${text} for somebody else's`);
    const known = this.#heard.get(member);
    const said = known?.life === member.life ? known.said : new Set<string>();
    if (known?.life !== member.life) this.#heard.set(member, { life: member.life, said });
    if (said.has(text)) this.fault(`${member.name} played ${text} twice`);
    said.add(text);
    const epoch = this.#groups.get(saying.group)?.epochs.get(saying.epoch);
    if (epoch !== undefined && !epoch.ids.has(member.id))
      this.fault(`${member.name} opened ${text} of an epoch that it was not in`);
  }

  /** Whether somebody has heard another since then. */
  heardSince(by: SimulatedPerson, whom: SimulatedPerson, since: number): boolean {
    return (this.#lastHeard.get(by)?.get(whom.id) ?? -1) >= since;
  }

  /** Whether somebody was removed for good from a group. */
  isKicked({ group }: GroupView, { signatureKey }: { readonly signatureKey: Uint8Array }): boolean {
    return this.#groups.get(encodeHex(group))?.kicked.has(encodeHex(signatureKey)) === true;
  }

  /** What is said in two rooms is played once. */
  #played(by: SimulatedPerson, item: DownlinkItem): void {
    if (item.kind !== 'chunk') return;
    const last = this.#lastHeard.get(by) ?? new Map<string, number>();
    this.#lastHeard.set(by, last.set(item.participant, this.agenda.now));
    const words = Buffer.from(item.bytes).toString().split('/').slice(0, 3).join('/');
    const known = this.#wasPlayed.get(by);
    const said = known?.life === by.life ? known.said : new Set<string>();
    if (known?.life !== by.life) this.#wasPlayed.set(by, { life: by.life, said });
    if (said.has(words) && !words.startsWith(FORGED)) this.fault(`${by.name} was played ${words} twice`);
    said.add(words);
  }

  #checkGroup(member: SimulatedMember, view: GroupView): void {
    const name = encodeHex(view.group);
    const group: KnownGroup = this.#groups.get(name) ?? {
      epochs: new Map(),
      kicked: new Map(),
      joins: new Map(),
    };
    this.#groups.set(name, group);
    const keys = view.participants.map((each) => encodeHex(each.member.signatureKey));
    const kicked = view.parameters.kickedKeys.map((key) => encodeHex(key));
    const text = [
      ...view.participants.map(({ id, member: { leaf } }) => `${id}@${String(leaf)}`),
      ...kicked,
    ].join();
    const at = `${name.slice(0, 8)}/${String(view.epoch)}`;
    if (!view.participants.some(({ id }) => id === member.id))
      this.fault(`${member.name} is in ${at}, whose tree it is not in`);
    const known = group.epochs.get(view.epoch);
    if (known !== undefined) {
      if (known.text !== text) this.fault(`two trees of ${at}`);
      return;
    }
    const ids = new Set(view.participants.map(({ id }) => id));
    const senderIds = view.participants.map((each) => Buffer.from(each.member.senderId).toString());
    group.epochs.set(view.epoch, { ids, senderIds, text });
    for (const key of kicked) {
      const since = group.kicked.get(key) ?? view.epoch;
      group.kicked.set(key, since < view.epoch ? since : view.epoch);
    }
    for (const [key, since] of group.kicked) {
      if (since <= view.epoch && keys.includes(key)) this.fault(`a kicked key is in ${at}`);
      if (since <= view.epoch && !kicked.includes(key)) this.fault(`${at} has forgotten a kick`);
    }
    this.#checkJoins(group, view.epoch, senderIds, at);
  }

  /** Each join lets somebody in once. */
  #checkJoins(group: KnownGroup, epoch: bigint, senderIds: readonly string[], at: string): void {
    for (const senderId of senderIds) {
      const join = group.joins.get(senderId);
      if (join === undefined) group.joins.set(senderId, { first: epoch, last: epoch });
      else {
        const between = [...group.epochs].filter(([of]) => of > join.last && of < epoch);
        const wasGone = between.some(([, each]) => !each.senderIds.includes(senderId));
        if (wasGone) this.fault(`a join that was over is in ${at} again`);
        join.last = join.last > epoch ? join.last : epoch;
      }
    }
  }

  /** Within one process and one join a member only goes forward; and nobody is removed who is there. */
  #checkOrder(member: SimulatedMember, { group, absence }: MeetingView): void {
    const { life } = member;
    const { now } = this.agenda;
    const known = this.#shown.get(member);
    const before = known?.life === life ? known : undefined;
    if (absence.kind === 'rejoining' && before?.absence !== 'rejoining' && now - this.calmSince > CALM_MS)
      this.fault(`${member.name} was removed though it was there`);
    const senderId = group && Buffer.from(group.senderId).toString();
    const isSame = senderId !== undefined && senderId === before?.senderId;
    if (group !== undefined && isSame && (before.epoch ?? -1n) > group.epoch)
      this.fault(`${member.name} went back to epoch ${String(group.epoch)}`);
    const wasAbsent = absence.kind === 'rejoined' || absence.kind === 'rejoining';
    // Whose disk was put back may meet a Commit of its own that it does not have any more, and nobody opens its own.
    const mayLose = wasAbsent || member.disk.wasPutBack || this.isLineBroken;
    if (before?.group !== undefined && group !== undefined && !isSame && !mayLose)
      if (equal(before.group, group.group))
        this.fault(`${member.name} lost its place though nobody removed it`);
    const ids = new Set(group?.participants.map(({ id }) => id));
    const gone = new Map(isSame ? before.gone : []);
    if (isSame) for (const id of before.ids) if (!ids.has(id)) gone.set(id, now);
    // Who joins again is in no group for a moment.
    const where = group ?? before;
    this.#shown.set(member, {
      life,
      absence: absence.kind,
      senderId: senderId ?? before?.senderId,
      group: where?.group,
      epoch: where?.epoch,
      ids,
      gone,
    });
  }

  /** Forged text names who forged it: while that one is a member, nothing keeps it from speaking as others. */
  #heardForged(member: SimulatedMember, text: string): void {
    const [, forger = ''] = text.split('/');
    const id = this.members.find(({ name }) => name === forger)?.id ?? '';
    const shown = this.#shown.get(member);
    const since = shown?.gone.get(id);
    if (shown?.ids.has(id) !== true && since !== undefined && this.agenda.now - since > IN_FLIGHT_MS)
      this.fault(`${member.name} heard ${forger}, who was removed, speak as another`);
  }
}

function readSaying(text: string): Saying | undefined {
  const [speaker, , , group, epoch] = text.split('/');
  if (speaker === undefined || group === undefined || epoch === undefined) return undefined;
  return { speaker, group, epoch: BigInt(epoch) };
}
