/**
 * Our membership of the meeting's MLS group, from joining to leaving: the coordinator, with each of its asks performed: by the
 * counter, MLS and the store outside, and by the group's MLS tracks.
 */
import { InvariantError, unreachable } from '../errors.ts';
import type { Ask, AskKind, AskTypes } from '../group/coordination/asks.ts';
import type { CoordinatorEvent } from '../group/coordination/context.ts';
import type { Decision } from '../group/coordination/decisions.ts';
import { Coordinator, type CoordinatorInput } from '../group/coordination/coordinator.ts';
import type { EpochView, GroupHandle } from '../group/mls.ts';
import type { GroupName, SenderId } from '../group/names.ts';
import { securityCodeOf } from '../group/security-code.ts';
import type { LeafIndex } from '../group/roster.ts';
import type { MoqtClient, PublishOffer } from '../moqt/client/client-api.ts';
import type { FullTrackName, MoqtObject } from '../moqt/model.ts';
import { pause, Pending, settled, type Task } from '../tasks.ts';
import type { Epoch, Millis } from '../units.ts';
import type { GroupNotices, MeetingCore } from './core.ts';
import { probe } from './counter-probe.ts';
import type { LoadAnswer, MlsAsk, StoreAsk, WriteAnswer } from './effects.ts';
import type { GroupEvent } from './group-events.ts';
import { MlsTracks } from './mls-tracks.ts';
import type { UndoneDecisions } from './undone-decisions.ts';

/** Who follows the membership. */
export interface MlsGroupOwner {
  event(event: GroupEvent): void;
  /** The tracks of a group are followed from now on, under a SenderId of ours; those of any other join are over. */
  entering(entered: { generation: number; group: GroupName; senderId: SenderId }): void;
  /** The relay has said whether it lets us use the group's tracks. */
  relayAnswered(letIn: boolean): void;
  /** A control or media track under the group's namespace, to be accepted or refused once. */
  offered(offer: PublishOffer): void;
  /** A track of heads, likewise. */
  headsOffered(offer: PublishOffer): void;
}

type State =
  /** What rests in the store is being read; what comes meanwhile waits. */
  | { readonly kind: 'loading'; readonly early: CoordinatorInput[] }
  | { readonly kind: 'running' }
  | { readonly kind: 'over' };

const STORE_RETRY_MS = 1_000;
/** The membership. */
export class MlsGroup implements GroupNotices {
  readonly #core: MeetingCore;
  readonly #owner: MlsGroupOwner;
  readonly #undone: UndoneDecisions;
  readonly #coordinator: Coordinator;
  readonly #tracks: MlsTracks;
  /** Groups that MLS holds for us, to be forgotten at the end. */
  readonly #held = new Set<GroupHandle>();
  /** The group for which MLS holds private parts of KeyPackages, to be forgotten at the end. */
  #asking: GroupName | undefined;
  /** Counts writes, of which the newest counts. */
  #writes = 0;
  /** The answer to the write that was asked for last. */
  #writing: Pending<WriteAnswer> = Pending.of<WriteAnswer>('written');
  /** The last write that was answered failed, which was told. */
  #storeFails = false;
  #state: State = { kind: 'loading', early: [{ kind: 'disconnected' }] };
  /** The coordinator's, until something is fed to it: frames come by the hundred between. */
  #deadline: { readonly at: Millis | undefined } | undefined;

  /** @param undone - what was decided and is not done, also of a membership before this one. */
  constructor(core: MeetingCore, owner: MlsGroupOwner, undone: UndoneDecisions) {
    const { room, parameters, fingerprint, groupCrypto, timing } = core.options;
    this.#core = core;
    this.#owner = owner;
    this.#undone = undone;
    this.#coordinator = new Coordinator({
      room,
      parameters,
      fingerprint,
      crypto: groupCrypto,
      random: (length) => core.options.random(length),
      joinId: () => core.instances.joinId(),
      timing,
    });
    this.#tracks = new MlsTracks(core, {
      input: (input) => {
        this.#input(input);
      },
      offered: (offer) => {
        owner.offered(offer);
      },
      headsOffered: (offer) => {
        owner.headsOffered(offer);
      },
      relayAnswered: (letIn) => {
        owner.relayAnswered(letIn);
      },
    });
  }

  /** Reads what rests, and resumes, creates or asks to be let in, whatever it takes. */
  start(): void {
    this.#store<LoadAnswer>({ kind: 'load' }).whenSettled(({ restored, kickedKeys }) => {
      if (this.#state.kind !== 'loading') return;
      const { early } = this.#state;
      this.#state = { kind: 'running' };
      if (restored !== undefined) this.#held.add(restored.handle);
      this.#input({ kind: 'start', restored, kickedKeys });
      for (const input of early) this.#input(input);
    });
  }

  /** A session to a relay is there (again). */
  connected(client: MoqtClient): void {
    if (this.#state.kind === 'over') return;
    this.#core.tasks.start(this.#tracks.connect(client)).whenSettled((isThere) => {
      if (isThere) this.#input({ kind: 'reconnected' });
    });
  }

  /** The session is gone; the next one is awaited. */
  disconnected(): void {
    this.#tracks.disconnect();
    this.#input({ kind: 'disconnected' });
  }

  memberLeft(leaf: LeafIndex): void {
    this.#input({ kind: 'member-left', leaf });
  }

  memberVanished(leaf: LeafIndex): void {
    this.#input({ kind: 'member-vanished', leaf });
  }

  memberAlive(leaf: LeafIndex): void {
    this.#input({ kind: 'member-alive', leaf });
  }

  requestUpdate(): void {
    this.#input({ kind: 'update' });
  }

  /** Gives our leaf a fresh key, when it is its turn. */
  renew(): void {
    this.#undone.renews();
    this.#input({ kind: 'renew' });
  }

  /** The counter has signed another line than ours: no Commit is made or applied any more. */
  distrust(at: Epoch): void {
    this.#input({ kind: 'forked', epoch: at });
  }

  /** Our place in a line that is broken is given up. @param rejoins - whether we seek the meeting as a newcomer, or end. */
  abandon(rejoins: boolean): void {
    this.#input({ kind: 'abandon', rejoins });
  }

  epochSeen(seen: Epoch): void {
    this.#input({ kind: 'epoch-hint', epoch: seen });
  }

  removalJudged(counts: boolean): void {
    this.#input({ kind: 'removal-judged', counts });
  }

  /** What a person here decides as an organiser. */
  decide(decision: Decision): void {
    this.#undone.decided(decision);
    this.#input(decision);
  }

  /** Objects of our own MLS tracks, to answer FETCHes that reach us; undefined: not one of them. */
  ownObjects(track: FullTrackName): readonly MoqtObject[] | undefined {
    return this.#tracks.ownObjects(track);
  }

  /** Leaves: our state of the group is erased, then `stopped` is told. Others remove us when they hear of it. */
  leave(): void {
    this.#input({ kind: 'leave' });
  }

  /** Ends here and now; what was saved stays. Everything secret is forgotten. */
  end(): void {
    if (this.#state.kind === 'over') return;
    this.#state = { kind: 'over' };
    this.#coordinator.suspend();
    for (const handle of this.#held) this.#mls({ kind: 'forget-group', input: { handle } });
    this.#held.clear();
    if (this.#asking !== undefined)
      this.#mls({ kind: 'forget-key-packages', input: { group: this.#asking } });
    this.#tracks.close();
  }

  deadline(): Millis | undefined {
    if (this.#state.kind !== 'running') return undefined;
    this.#deadline ??= { at: this.#coordinator.deadline() };
    return this.#deadline.at;
  }

  expire(now: Millis): void {
    this.#deadline = undefined;
    if (this.#state.kind === 'running') this.#coordinator.expire(now);
  }

  /** Hands on what the coordinator wants. @returns whether there was anything. */
  drain(): boolean {
    let any = false;
    while (this.#state.kind === 'running') {
      const effect = this.#coordinator.poll();
      if (effect === undefined) break;
      any = true;
      if (effect.kind === 'event') this.#announce(effect.event);
      else {
        const { id } = effect;
        this.#core.tasks.start(this.#perform(effect.ask)).whenSettled((answer) => {
          this.#input({ kind: 'answer', id, answer });
        });
      }
    }
    return any;
  }

  #input(input: CoordinatorInput): void {
    this.#deadline = undefined;
    if (this.#state.kind === 'loading') this.#state.early.push(input);
    else if (this.#state.kind === 'running') this.#coordinator.handle(input, this.#core.tasks.now);
  }

  *#perform(ask: Ask): Task<unknown> {
    switch (ask.kind) {
      case 'probe':
        return yield* probe(this.#core, ask.input.group);
      case 'room':
      case 'lock':
      case 'increment':
      case 'alive':
      case 'close':
      case 'history':
      case 'upload':
        return yield* settled(this.#core.ask<unknown>({ kind: 'counter', ask }));
      case 'create-group': {
        const created = yield* this.#answered<'create-group'>(ask);
        this.#held.add(created.group);
        return created;
      }
      case 'join': {
        const outcome = yield* this.#answered<'join'>(ask);
        if (outcome.kind === 'joined') this.#held.add(outcome.group);
        return outcome;
      }
      case 'forget-group':
        this.#held.delete(ask.input.handle);
        return yield* settled(this.#mls(ask));
      case 'make-key-package':
        this.#asking = ask.input.group;
        return yield* settled(this.#mls(ask));
      case 'forget-key-packages':
        this.#asking = undefined;
        return yield* settled(this.#mls(ask));
      case 'inspect-key-package':
      case 'stage':
      case 'process':
      case 'apply':
        return yield* settled(this.#mls(ask));
      case 'save':
        return yield* this.#write({ kind: 'save', ...ask.input });
      case 'remember-kicked':
        return yield* this.#write({ kind: 'remember-kicked', ...ask.input });
      case 'erase':
        return yield* this.#write({ kind: 'erase' });
      case 'enter-group':
        // Before tracks are offered: a join that is over must not take them.
        this.#owner.entering(ask.input);
        return yield* this.#tracks.enter(ask.input.group, ask.input.senderId);
      case 'publish-key-package': {
        const { group, senderId, keyPackage } = ask.input;
        return yield* this.#tracks.publishKeyPackage(group, senderId, keyPackage);
      }
      case 'publish-commit': {
        const { group, epoch: newEpoch, attempt, commit, welcomes } = ask.input;
        return yield* this.#tracks.publishCommit(group, newEpoch, attempt, commit, welcomes);
      }
      case 'publish-receipt': {
        const { group, epoch: newEpoch, attempt, receipt } = ask.input;
        this.#tracks.publishReceipt(group, newEpoch, attempt, receipt);
        return undefined;
      }
      case 'republish-welcome': {
        const { group, epoch: newEpoch, attempt, delivery, receipt } = ask.input;
        return yield* this.#tracks.republishWelcome(group, newEpoch, attempt, delivery, receipt);
      }
      case 'fetch-commits':
        return yield* this.#tracks.fetchCommits(ask.input.group, ask.input.from);
      case 'sleep':
        throw new InvariantError('the coordinator sleeps by its deadline');
      default:
        return unreachable(ask);
    }
  }

  /** Writes until it is written, until something else is to be written instead, or until all is over. */
  *#write(ask: StoreAsk): Task {
    this.#writes += 1;
    const turn = this.#writes;
    for (;;) {
      // One that was given up may still be under way, and must not have the last word.
      yield* settled(this.#writing);
      if (this.#state.kind === 'over' || turn !== this.#writes) return;
      const written = this.#store<WriteAnswer>(ask);
      this.#writing = written;
      const outcome = yield* settled(written);
      this.#noteStore(outcome === 'failed');
      if (outcome === 'written') return;
      yield* pause(this.#core.tasks.after(STORE_RETRY_MS));
    }
  }

  /** Tells when writing begins to fail, and when it works again. */
  #noteStore(fails: boolean): void {
    if (fails === this.#storeFails || !this.#isRunning()) return;
    this.#storeFails = fails;
    this.#owner.event({ kind: fails ? 'store-failing' : 'store-working' });
  }

  *#answered<Kind extends MlsAsk['kind'] & AskKind>(ask: MlsAsk & { kind: Kind }): Task<AskTypes[Kind][1]> {
    return yield* settled(this.#core.ask<AskTypes[Kind][1]>({ kind: 'mls', ask }));
  }

  #mls(ask: MlsAsk): Pending<unknown> {
    return this.#core.ask<unknown>({ kind: 'mls', ask });
  }

  #store<StoreAnswer>(ask: StoreAsk): Pending<StoreAnswer> {
    return this.#core.ask<StoreAnswer>({ kind: 'store', ask });
  }

  #announce(event: CoordinatorEvent): void {
    if (event.kind === 'stopped') {
      this.end();
      this.#owner.event(event);
      return;
    }
    if (event.kind !== 'epoch') {
      if (event.kind === 'not-organiser') this.#undone.giveUp();
      this.#owner.event(event);
      return;
    }
    const { view, masterKey, change, group, senderId, handle, by, madeOwnKey, receipt, past } = event;
    const signedAt = receipt?.receipt.time;
    this.#owner.event({
      kind: 'epoch',
      group,
      senderId,
      handle,
      epoch: view.epoch,
      masterKey,
      roster: view.roster,
      ownLeaf: view.ownLeaf,
      epochAuthenticator: view.epochAuthenticator,
      securityCode: securityCodeOf(group, view.epochAuthenticator, this.#core.options.groupCrypto),
      suite: view.suite,
      parameters: view.parameters,
      change: { ...change, by, time: signedAt ?? this.#core.wallClock },
      signedAt,
      madeOwnKey,
      receipt: receipt?.bytes,
      past,
    });
    this.#undone.epochBegan(view, madeOwnKey);
    if (by === undefined) this.#takeUp(view);
  }

  /** A membership begins: what was wanted of the one before is wanted of this one. */
  #takeUp(view: EpochView): void {
    const { decisions, renews, areRefused } = this.#undone.forMembership(view);
    for (const decision of decisions) this.#input(decision);
    if (renews) this.#input({ kind: 'renew' });
    if (areRefused) this.#owner.event({ kind: 'not-organiser' });
  }

  /** A wait may have outlived the membership. */
  #isRunning(): boolean {
    return this.#state.kind === 'running';
  }
}
