/**
 * A meeting as one deterministic machine: from the first call to a relay until it is over for us.
 *
 * It is composed of parts, each the one owner of what it knows: {@link RelayLink} the session to a relay, {@link MlsGroup}
 * our membership, {@link OwnMedia} what we send, {@link Generation} keys and tracks of one join. What a part wants goes out as
 * an effect; what another part must know is a call. `docs/architecture.md` walks a frame and a Commit through them.
 */
import { invariant, unreachable } from '../errors.ts';
import type { Fork } from '../group/fork-watch.ts';
import { earliest } from '../group/coordination/timing.ts';
import type { Machine } from '../machine.ts';
import type { ParticipantId, UplinkItem } from '../media/encoded-media.ts';
import type { MoqtClient, PublishOffer } from '../moqt/client/client-api.ts';
import { pause, Tasks, type Task } from '../tasks.ts';
import type { Epoch, Millis } from '../units.ts';
import { Asking } from './asking.ts';
import { ClockCheck } from './clock-check.ts';
import { Congestion } from './congestion.ts';
import { MeetingCore, type MeetingOptions } from './core.ts';
import { EarlyOffers } from './early-offers.ts';
import type { MeetingEffect } from './effects.ts';
import { forGroup, type Decision } from './decisions.ts';
import { Flush } from './flush.ts';
import { Generation } from './generation.ts';
import type { GroupStep } from '../group/progress.ts';
import type { EpochBegun, GroupEvent } from './group-events.ts';
import { HeadTracks } from './head-tracks.ts';
import type { MeetingInput } from './inputs.ts';
import { LastShown } from './last-shown.ts';
import { participantIdOf } from './members.ts';
import { MlsGroup, type MlsGroupOwner } from './mls-group.ts';
import { MlsRestarts, noticesTo, withChange } from './mls-restarts.ts';
import { Organising } from './organising.ts';
import { OwnMedia, type Sending } from './own-media.ts';
import { ownOrigin } from './own-origin.ts';
import { refusalOf } from './permissions.ts';
import { RelayLink } from './relay-link.ts';
import { historyWith, showGroup } from './showing.ts';
import { UndoneDecisions } from './undone-decisions.ts';
import { WHOLE_LINE } from './view.ts';
import type { Absence, Attention, EpochRecord, LineView, MeetingEnd, MeetingView, OwnKey } from './view.ts';

/** How often what depends on time alone is looked at: silence, overlaps of keys, signs of life. */
const TICK_MS = 250;
/** Who comes to its work so much too late was halted, and what it holds for a session may be one no more. */
const HALTED_MS = 5_000;
/** How long our good-bye is said to those who are still about to listen: some round trips, and one committer that is gone. */
const GOOD_BYE_MS = 2_000;
/** How often it is looked whether somebody is removed. */
const REMOVAL_STEP_MS = 50;
/** How long erasing our state may take: a disk that fails must keep nobody in a meeting. */
const ERASE_MS = 3_000;

type Life =
  | { readonly kind: 'new' }
  | { readonly kind: 'going' }
  /** We say good-bye, or our state of the group is being erased: the meeting is about to end as told. */
  | { readonly kind: 'leaving'; readonly as: MeetingEnd }
  | { readonly kind: 'ended'; readonly end: MeetingEnd };

/** The machine. */
export class Meeting implements Machine<MeetingInput, MeetingEffect> {
  readonly #core: MeetingCore;
  readonly #tasks = new Tasks();
  readonly #link: RelayLink;
  readonly #undone = new UndoneDecisions();
  #group: MlsGroup;
  readonly #media = new OwnMedia();
  readonly #organising: Organising;
  readonly #attention = new Set<Attention>();
  readonly #clock = new ClockCheck();
  readonly #heads: HeadTracks;
  /** The proof that the meeting was split. */
  #fork: Fork | undefined;
  #life: Life = { kind: 'new' };
  /** To everybody, from now on: we leave. */
  #saysGoodBye = false;
  #isErasing = false;
  readonly #restarts = new MlsRestarts();
  #displayName: string;
  #step: GroupStep = 'seeking';
  #absence: Absence = { kind: 'none' };
  #ownKey: OwnKey = { since: undefined, renewing: false };
  #line: LineView = WHOLE_LINE;
  readonly #asking = new Asking();
  #begun: Omit<EpochBegun, 'masterKey'> | undefined;
  #history: readonly EpochRecord[] = [];
  #generation: Generation | undefined;
  #unreadableBefore = 0;
  readonly #earlyOffers: EarlyOffers;
  #watched: ReadonlySet<ParticipantId> = new Set();
  readonly #congestion: Congestion;
  readonly #flush: Flush;
  #tickAt: Millis | undefined;
  readonly #shown = new LastShown();

  constructor(options: MeetingOptions) {
    this.#core = new MeetingCore(options, this.#tasks);
    this.#displayName = options.displayName;
    this.#organising = new Organising(this.#core);
    this.#earlyOffers = new EarlyOffers(this.#core);
    this.#congestion = new Congestion(this.#core);
    const forked = (fork: Fork): void => {
      this.#fork = fork;
      this.#split(fork.epoch);
    };
    this.#heads = new HeadTracks(this.#core, () => this.#link.view.relay, forked);
    this.#link = new RelayLink(this.#core, {
      origin: ownOrigin(
        (track) => this.#generation?.own.find(track),
        (track) => this.#group.ownObjects(track),
      ),
      connected: (client) => {
        this.#connected(client);
      },
      lost: () => {
        this.#lost();
      },
    });
    this.#flush = new Flush(this.#core, this.#link);
    this.#group = this.#newGroup();
  }

  #newGroup(): MlsGroup {
    const owner: MlsGroupOwner = {
      event: (event) => {
        this.#onGroup(event);
      },
      entering: ({ generation, group, senderId }) => {
        this.#link.enter(generation);
        this.#heads.entering(generation);
        if (this.#generation?.isOf(group, senderId) === false) this.#closeGeneration('over');
      },
      relayAnswered: (letIn) => {
        this.#link.answered(letIn);
      },
      offered: (offer) => {
        this.#offered(offer);
      },
      headsOffered: (offer) => {
        this.#heads.offered(offer);
      },
    };
    return new MlsGroup(this.#core, owner, this.#undone);
  }

  handle(input: MeetingInput, now: Millis): void {
    this.#tasks.advance(now);
    // Nothing follows `ended`.
    if (this.#life.kind === 'ended') return;
    this.#take(input);
    // What the transport has queued is looked at by whatever is sent next.
    if (input.kind !== 'queued') this.#settle();
  }

  poll(): MeetingEffect | undefined {
    const effect = this.#core.poll();
    if (effect !== undefined || !this.#core.hasChanged || this.#tasks.now < this.#shown.nextAt) return effect;
    return this.#show();
  }

  deadline(): Millis | undefined {
    if (this.#life.kind === 'ended') return undefined;
    return earliest(
      this.#tasks.deadline(),
      this.#link.deadline(),
      this.#heads.deadline(),
      this.#group.deadline(),
      this.#tickAt,
      this.#core.hasChanged ? this.#shown.nextAt : undefined,
    );
  }

  expire(now: Millis): void {
    this.#tasks.advance(now);
    if (this.#life.kind === 'ended') return;
    this.#link.expire(now);
    this.#heads.expire(now);
    const group = this.#group.deadline();
    if (group !== undefined && group <= now) this.#group.expire(now);
    if (this.#tickAt !== undefined && this.#tickAt <= now) this.#tick();
    this.#settle();
  }

  /** Lets everything that an input set going come to rest. */
  #settle(): void {
    for (let moving = true; moving;) {
      const tasks = this.#tasks.run();
      const link = this.#link.drain();
      const heads = this.#heads.drain();
      const group = this.#group.drain();
      moving = tasks || link || heads || group;
    }
  }

  #take(input: MeetingInput): void {
    if (this.#heads.take(input)) return;
    switch (input.kind) {
      case 'start':
        invariant(this.#life.kind === 'new', 'a meeting starts once');
        this.#life = { kind: 'going' };
        this.#tickAt = this.#tasks.after(TICK_MS);
        this.#group.start();
        this.#link.start();
        return;
      case 'connected':
      case 'connect-failed':
      case 'transport':
      case 'queued':
        this.#link.take(input);
        return;
      case 'flushed':
        this.#flush.done(input.connection);
        return;
      case 'answer':
        this.#core.answer(input.id, input.answer);
        return;
      case 'mls-lost':
        this.#mlsLost();
        return;
      case 'dated':
        if (this.#clock.dated(input.answer, this.#tasks.now)) this.#core.changed();
        return;
      case 'uplink':
        this.#uplink(input.item);
        return;
      case 'feedback':
        this.#generation?.requestKeyframe(input.feedback.participant);
        return;
      case 'sending':
        if (this.#life.kind !== 'leaving' && !this.#isSplit) this.#setSending(input.sending);
        return;
      case 'watch':
        this.#watched = new Set(input.participants);
        this.#generation?.members.watch(this.#watched);
        return;
      case 'rename':
        this.#displayName = input.displayName;
        this.#generation?.hello();
        return;
      case 'kick':
      case 'admit':
      case 'decline':
      case 'admission':
      case 'organiser':
        this.#decide(input);
        return;
      case 'renew':
        if (this.#generation === undefined || this.#isSplit) return;
        this.#ownKey = { ...this.#ownKey, renewing: true };
        this.#group.renew();
        this.#core.changed();
        return;
      case 'move':
        this.#generation?.moves.move(input);
        return;
      case 'distrust-mover':
        this.#generation?.moves.distrust(input.leaf);
        return;
      case 'abandon':
        this.#group.abandon(input.rejoins);
        return;
      case 'announce':
        this.#generation?.members.announce();
        this.#core.emit({ kind: 'downlink', item: { kind: 'keyframe-wanted' } });
        return;
      case 'sleeping':
        if (this.#absence.kind !== 'rejoining') this.#absence = { kind: 'slept', at: this.#core.wallClock };
        // There is no later.
        this.#shown.hurry(this.#tasks.now);
        this.#setSending({ microphone: false, camera: false });
        return;
      case 'woke':
        this.#link.renew();
        return;
      case 'leave':
        if (this.#life.kind === 'going') this.#tasks.start(this.#leave());
        return;
      case 'suspend':
        this.#end('left');
        return;
      case 'fault':
        this.#end('fault');
        return;
      default:
        unreachable(input);
    }
  }

  /** Carries out what a person decides as an organiser, or says why not. */
  #decide(decision: Decision): void {
    const refusal = refusalOf(decision, this.#view());
    if (refusal !== undefined) {
      this.#organising.refused(decision.kind, refusal);
      return;
    }
    this.#core.changed();
    const decided = forGroup(decision, {
      memberOf: (participant) =>
        this.#begun?.roster.find((member) => participantIdOf(member) === participant),
      callerOf: (participant) => this.#organising.callerOf(participant),
    });
    if (decided === undefined) return;
    if (decision.kind === 'kick') this.#generation?.members.cut(decision.participant);
    this.#group.decide(decided);
  }

  /** Our membership is taken up again from where it was saved, or asked for anew. What is said meanwhile is under the keys of before. */
  #mlsLost(): void {
    if (!this.#restarts.died(this.#tasks.now)) {
      this.#end('fault');
      return;
    }
    this.#attention.add('mls-restarted');
    this.#group.end();
    this.#group = this.#newGroup();
    this.#group.start();
    if (this.#isErasing) this.#group.leave();
    // Subscriptions of the group's tracks begin anew, too.
    this.#link.renew();
    this.#core.changed();
  }

  /** Takes encoded media; nothing is taken that is switched off. */
  #uplink(item: UplinkItem): void {
    const step = this.#media.take(item);
    switch (step.kind) {
      case 'chunk':
        this.#generation?.own.send(step.chunk);
        return;
      case 'changed':
        if (step.off) this.#generation?.own.pause(step.media);
        this.#generation?.own.sendCatalog();
        return;
      case 'ignored':
        return;
    }
  }

  #setSending(sending: Sending): void {
    const off = this.#media.setSending(sending);
    for (const media of off) this.#generation?.own.pause(media);
    if (off.length > 0) this.#generation?.own.sendCatalog();
    this.#generation?.hello();
    this.#core.changed();
  }

  /**
   * Says good-bye and leaves. The others answer by removing us, which is the end; a good-bye that nobody heard would let
   * them wait, with us in the group, until our silence is long enough.
   */
  *#leave(): Task {
    this.#life = { kind: 'leaving', as: 'left' };
    this.#setSending({ microphone: false, camera: false });
    // What only we want to be done is done first: who is removed would stay if we went.
    const end = this.#tasks.after(GOOD_BYE_MS);
    while ((this.#generation?.members.cutting.length ?? 0) > 0 && this.#tasks.now < end)
      yield* pause(this.#tasks.after(REMOVAL_STEP_MS));
    this.#saysGoodBye = true;
    this.#generation?.hello();
    const isAlone = (this.#begun?.roster.length ?? 1) <= 1;
    if (!isAlone && this.#link.client !== undefined) yield* pause(this.#tasks.after(GOOD_BYE_MS));
    this.#generation?.own.end('left');
    // First, since the session ends with the membership.
    yield* this.#flush.wait();
    yield* this.#erase();
  }

  /** Erases our state of the group, which ends the meeting. */
  *#erase(): Task {
    this.#isErasing = true;
    this.#group.leave();
    yield* pause(this.#tasks.after(ERASE_MS));
    this.#attention.add('store-failing');
    this.#end('left');
  }

  #offered(offer: PublishOffer): void {
    if (this.#generation === undefined) this.#earlyOffers.hold(offer);
    else this.#generation.members.offered(offer);
  }

  #connected(client: MoqtClient): void {
    this.#group.connected(client);
    this.#heads.attach(client);
    this.#generation?.attach(client);
  }

  #lost(): void {
    this.#earlyOffers.take();
    this.#generation?.detach();
    this.#heads.attach(undefined);
    this.#group.disconnected();
  }

  #onGroup(event: GroupEvent): void {
    this.#core.changed();
    switch (event.kind) {
      case 'status':
        this.#step = event.step;
        this.#asking.reached(event.step, this.#tasks.now);
        return;
      case 'epoch':
        this.#epochBegan(event);
        this.#heads.epochBegan(event);
        // Also where we joined again, or MLS was restarted.
        if (this.#isSplit) this.#split(event.epoch);
        return;
      case 'generation':
        this.#closeGeneration('over');
        this.#ownKey = { since: undefined, renewing: false };
        this.#line = WHOLE_LINE;
        this.#attention.delete('newer-generation');
        this.#attention.delete('moved');
        return;
      case 'removal-doubted':
      case 'removed-as-absent':
        // The others heard our good-bye.
        if (this.#life.kind === 'leaving') this.#group.leave();
        else if (event.kind === 'removal-doubted') this.#generation?.removalDoubted(event);
        else {
          this.#absence = { kind: 'rejoining' };
          // Whoever comes back to the machine has perhaps forgotten that it listens.
          this.#setSending({ microphone: false, camera: false });
        }
        return;
      case 'newer-generation':
      case 'moved':
      case 'kicked-asks':
      case 'not-kept-out':
      case 'store-failing':
        this.#attention.add(event.kind);
        return;
      case 'line-broken':
        this.#line = { kind: event.kind, author: event.author };
        this.#generation?.lineBroke(event);
        return;
      case 'equivocation':
        this.#split(event.epoch);
        return;
      case 'door':
        this.#organising.callers(event.callers);
        return;
      case 'not-organiser':
        this.#organising.refused(undefined, event.kind);
        if (this.#generation?.members.uncut() === true) this.#link.renew();
        return;
      case 'full':
        if (event.isFull) this.#attention.add('full');
        else this.#attention.delete('full');
        return;
      case 'store-working':
        this.#attention.delete('store-failing');
        return;
      case 'stopped':
        this.#end(event.reason);
        return;
      default:
        unreachable(event);
    }
  }

  get #isSplit(): boolean {
    return this.#attention.has('equivocation');
  }

  /** The counter has signed two lines: it is not certain any more to whom one speaks. For good, whatever comes. */
  #split(at: Epoch): void {
    this.#attention.add('equivocation');
    this.#ownKey = { ...this.#ownKey, renewing: false };
    this.#group.distrust(at);
    this.#setSending({ microphone: false, camera: false });
  }

  #epochBegan(announced: EpochBegun): void {
    const isSameJoin = this.#generation?.isOf(announced.group, announced.senderId) === true;
    const before = isSameJoin ? this.#begun : undefined;
    const begun = withChange(announced, before);
    const { masterKey, ...rest } = begun;
    // MLS was restarted and is where it was: keys and tracks go on.
    if (before?.epoch === begun.epoch) {
      masterKey.fill(0);
      this.#generation?.resumed(rest);
      return;
    }
    this.#attention.delete('mls-restarted');
    if (begun.signedAt !== undefined) this.#clock.signed(begun.signedAt, this.#tasks.now);
    if (begun.madeOwnKey) this.#ownKey = { since: begun.change.time, renewing: false };
    const generation = this.#generationOf(begun);
    if (generation === undefined) {
      masterKey.fill(0);
      // A member that can neither send nor hear must not go on committing.
      this.#life = { kind: 'leaving', as: 'unknown-cipher' };
      this.#tasks.start(this.#erase());
      return;
    }
    const { members } = generation;
    this.#organising.epochBegan(before, rest, (member) => members.isPresent(participantIdOf(member)));
    generation.epochBegan(begun);
    this.#begun = rest;
    if (this.#absence.kind === 'rejoining') this.#absence = { kind: 'rejoined', at: begun.change.time };
    // Who is in the group, and under which code, is shown at once.
    this.#shown.hurry(this.#tasks.now);
    this.#history = historyWith(this.#history, begun);
  }

  #generationOf(begun: EpochBegun): Generation | undefined {
    if (this.#generation?.isOf(begun.group, begun.senderId) === true) return this.#generation;
    this.#closeGeneration('over');
    const generation = Generation.of(begun, {
      core: this.#core,
      link: this.#link,
      notices: noticesTo(() => this.#group),
      media: this.#media,
      hello: () =>
        this.#saysGoodBye
          ? { kind: 'leave' }
          : { kind: 'hello', displayName: this.#displayName, ...this.#media.sending },
      congested: () => {
        this.#congestion.begin();
      },
      forged: (member) => {
        this.#organising.forged(member);
      },
    });
    if (generation === undefined) return undefined;
    generation.members.watch(this.#watched);
    for (const id of this.#undone.kickedAmong(begun.roster)) generation.members.cut(id);
    this.#generation = generation;
    for (const offer of this.#earlyOffers.take()) generation.members.offered(offer);
    if (this.#link.client !== undefined) generation.attach(this.#link.client);
    return generation;
  }

  #tick(): void {
    const late = this.#tickAt === undefined ? 0 : this.#tasks.now - this.#tickAt;
    this.#tickAt = this.#tasks.after(TICK_MS);
    // Not every machine says that it slept, and a process can be halted.
    if (late >= HALTED_MS) this.#link.renew();
    this.#generation?.tick();
    this.#congestion.tick();
    // Whether media is live depends on time alone.
    if (!this.#core.hasChanged && !this.#shown.covers(this.#view(), this.#tasks.now)) this.#core.changed();
  }

  #closeGeneration(reason: string): void {
    this.#unreadableBefore += this.#generation?.members.unreadable ?? 0;
    const offers = this.#generation?.close(reason) ?? [];
    this.#generation = undefined;
    this.#organising.callers([]);
    // Most of them are of people whom our next join meets again.
    for (const offer of offers) this.#offered(offer);
  }

  /** The meeting is over for us; everything secret is overwritten. */
  #end(reason: MeetingEnd): void {
    if (this.#life.kind === 'ended') return;
    // Others may remove us faster than we are done with leaving: we left all the same.
    const end = this.#life.kind === 'leaving' && reason !== 'fault' ? this.#life.as : reason;
    this.#life = { kind: 'ended', end };
    this.#tickAt = undefined;
    this.#tasks.clear();
    // What holds keys goes first, in case a fault lets the rest fail.
    this.#group.end();
    this.#heads.close();
    this.#closeGeneration('over');
    this.#link.stop();
    this.#core.emit(this.#show());
    this.#core.emit({ kind: 'ended' });
  }

  #show(): MeetingEffect {
    this.#core.takeChanged();
    return { kind: 'show', view: this.#shown.take(this.#view(), this.#tasks.now) };
  }

  #view(): MeetingView {
    const begun = this.#begun;
    const members = this.#generation?.members;
    return {
      step: this.#step,
      connection: this.#link.view,
      group: begun && members && showGroup(begun, members, this.#media.sending),
      history: this.#history,
      ownKey: this.#ownKey,
      line: this.#line,
      attention: new Set(this.#attention),
      fork: this.#fork,
      absence: this.#absence,
      isKeptWaiting: this.#asking.isKeptWaiting(this.#tasks.now),
      door: this.#organising.door,
      notices: this.#organising.notices,
      clockOffset: this.#clock.offset,
      sending: this.#media.sending,
      unreadableObjects: this.#unreadableBefore + (this.#generation?.members.unreadable ?? 0),
      end: this.#life.kind === 'ended' ? this.#life.end : undefined,
    };
  }
}
