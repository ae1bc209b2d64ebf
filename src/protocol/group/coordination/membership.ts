/** The phase of a member: applies Commits, lets joiners in, and keeps in step with the counter. */
import { encodeHex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/equal.ts';
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { fingerprintOfSender } from '../names.ts';
import type { SenderId } from '../names.ts';
import type { LeafIndex } from '../roster.ts';
import { applyPlain, applyReceipted, endHalt, leaveGeneration, moveFromRemoval } from './applying.ts';
import { ask } from './asks.ts';
import type { Ask, Job } from './asks.ts';
import { askHistory, askPlainCounter, fetchCommits, renewLease } from './catching-up.ts';
import { commitOnce } from './committing.ts';
import type { Context, GroupInput, MembershipStart, Phase } from './context.ts';
import { isFailure } from './counter-calls.ts';
import { Decisions } from './decisions.ts';
import { EpochHint } from './epoch-hint.ts';
import { holding } from './key-custody.ts';
import { MemberState } from './member-state.ts';
import type { SentWelcome } from './sent-welcomes.ts';
import { Backoff, earliest } from './timing.ts';

/** KeyPackages that may wait to be inspected. */
const MAX_QUEUE = 256;
/** KeyPackages that are remembered, so that a repetition costs nothing. */
const MAX_SEEN = 4096;

/** A KeyPackage that was acceptable, or whose join is in the tree. */
interface SeenKeyPackage {
  /** Undefined where the join is in the tree. */
  readonly ref: Uint8Array | undefined;
  readonly senderId: SenderId;
}

/** Saves and announces a new membership. */
export function* beginMembership(context: Context, start: MembershipStart): Job<Phase> {
  const { group, senderId, handle, view, masterKey, receipt } = start;
  const membership = new Membership(context, start);
  yield* holding(masterKey, enter(membership.state));
  const change = { added: [], removed: [] };
  const madeOwnKey = !start.isResumed;
  const past = start.log.flatMap((entry) => (entry.epoch < view.epoch ? [entry.receipt] : []));
  const begun = { group, senderId, handle, view, masterKey, change, by: undefined, madeOwnKey, receipt };
  context.emit({ kind: 'epoch', ...begun, past });
  context.emit({ kind: 'status', step: 'member' });
  return membership;
}

function* enter(state: MemberState): Job<undefined> {
  const { generation, group, senderId } = state;
  yield* ask('enter-group', { generation, group, senderId });
  return yield* state.save();
}

/** The phase of a member. */
class Membership implements Phase {
  readonly state: MemberState;
  readonly #context: Context;
  readonly #decisions: Decisions;
  /** When to ask for what is missing, again and again. */
  readonly #missing: Backoff;
  #missingAt: Millis | undefined;
  #fetchedFor: Epoch | undefined;
  readonly #hint: EpochHint;
  /** In plain mode. */
  #probeAt: Millis | undefined;
  #newerSaid = false;
  #queue: { readonly sender: SenderId; readonly payload: Uint8Array }[] = [];
  #resend: SentWelcome[] = [];
  /** What was done last for a joiner was to send a Welcome again. */
  #hasResent = false;
  /** Hashes of KeyPackages that were inspected, with what they were found to be if they were acceptable or answered. */
  readonly #seen = new Map<string, SeenKeyPackage | undefined>();

  constructor(context: Context, start: MembershipStart) {
    const { timing } = context.options;
    this.#context = context;
    this.state = new MemberState(context, start);
    this.#decisions = new Decisions(context, this.state);
    this.#missing = new Backoff(timing.receipt, timing.history);
    this.#hint = new EpochHint(timing);
    this.#probeAt = this.state.isFenced ? undefined : millis(context.now + timing.lonely);
  }

  input(input: GroupInput): void {
    const { state } = this;
    const { now } = this.#context;
    switch (input.kind) {
      case 'commit-object':
        state.takeObject(input.object);
        break;
      case 'key-package':
        this.#keyPackage(input.sender, input.payload);
        break;
      case 'member-left':
        if (this.#isOther(input.leaf)) state.work.remove(input.leaf, now);
        break;
      case 'kick':
      case 'admit':
      case 'decline':
      case 'admission':
      case 'organiser':
        this.#decisions.take(input);
        break;
      case 'member-vanished':
        if (this.#isOther(input.leaf)) state.work.vanished(input.leaf, now);
        break;
      case 'member-alive':
        state.work.alive(input.leaf);
        break;
      case 'update':
        state.work.update(now);
        break;
      case 'renew':
        state.work.renew(now);
        break;
      case 'epoch-hint':
        this.#hint.seen(input.epoch, state.view.epoch, now);
        break;
      case 'forked':
        state.distrust(input.epoch);
        break;
      case 'removal-judged':
        if (input.counts) state.believeRemoval();
        else moveFromRemoval(state);
        break;
      case 'abandon':
        state.giveUpLine(input.rejoins);
        break;
      case 'reconnected':
        this.#fetchedFor = undefined;
        state.counter.reconnected();
        break;
      case 'welcome-object':
      case 'disconnected':
        break;
    }
  }

  next(): Job<Phase | undefined> | undefined {
    const { state } = this;
    if (state.isDistrusted) return undefined;
    const { halt, haltEndsAt } = state;
    if (halt !== undefined)
      return haltEndsAt !== undefined && haltEndsAt <= this.#context.now ? endHalt(state, halt) : undefined;
    // Should they come back, they are looked at again.
    for (const { keyPackage } of this.#decisions.dropGone()) this.#seen.delete(this.#hashOf(keyPackage));
    const apply = this.#nextToApply();
    // Anybody may publish what is refused, at any rate: it takes turns with the rest.
    const isOthersTurn = apply === undefined || state.takeRejected();
    return (isOthersTurn ? this.#nextBesides() : undefined) ?? apply;
  }

  deadline(): Millis | undefined {
    if (this.state.isDistrusted) return undefined;
    if (this.state.halt !== undefined) return this.state.haltEndsAt;
    const graceEnd = this.state.work.graceEnd(this.#context.now);
    return earliest(
      this.#catchUpAt(),
      this.#commitAt(),
      graceEnd,
      this.#probeAt,
      this.#renewAt(),
      this.#decisions.callerGoneAt,
    );
  }

  farewell(): Ask<'close'> | undefined {
    const { group, view, handle, isFenced, isDistrusted, halt } = this.state;
    if (!isFenced || isDistrusted || halt !== undefined || view.roster.length > 1) return undefined;
    return { kind: 'close', input: { group, val: view.epoch, member: handle } };
  }

  /** What there is to do besides applying. */
  #nextBesides(): Job<Phase | undefined> | undefined {
    const { state } = this;
    const { now } = this.#context;
    const catchUpAt = this.#catchUpAt();
    if (catchUpAt !== undefined && catchUpAt <= now) return this.#catchUp();
    const commitAt = this.#commitAt();
    // However many ask to be let in: what is due is not kept waiting for ever.
    const isLate = commitAt !== undefined && commitAt + this.#context.options.timing.step <= now;
    const joiner = isLate ? undefined : this.#nextJoiner();
    if (joiner !== undefined) return joiner;
    if (commitAt !== undefined && commitAt <= now) return commitOnce(state);
    if (this.#probeAt !== undefined && now >= this.#probeAt) return this.#probe();
    const renewAt = this.#renewAt();
    return renewAt !== undefined && renewAt <= now ? renewLease(state) : undefined;
  }

  #isOther(leaf: LeafIndex): boolean {
    const { roster, ownLeaf } = this.state.view;
    return leaf !== ownLeaf && roster.some((member) => member.leaf === leaf);
  }

  #nextToApply(): Job<Phase | undefined> | undefined {
    const { state } = this;
    if (state.isFenced) {
      const next = state.nextReceipted;
      return next && applyReceipted(state, next);
    }
    const commit = state.nextPlain;
    return commit && applyPlain(state, commit);
  }

  #commitAt(): Millis | undefined {
    const { state } = this;
    const { view, work } = state;
    const due =
      state.stage !== undefined
        ? this.#context.now
        : work.dueAt(view.roster, view.ownLeaf, this.#context.now);
    return due === undefined ? undefined : millis(Math.max(due, state.counter.commitNotBefore));
  }

  /** When to say that the meeting is alive: the first of those present, and each next one later, should it not have done so. */
  #renewAt(): Millis | undefined {
    const { work, counter, view } = this.state;
    if (counter.renewAt === undefined) return undefined;
    const { step } = this.#context.options.timing;
    return millis(counter.renewAt + work.rankOf(view.roster, view.ownLeaf) * step);
  }

  /** When to ask the counter: from time to time, and soon when something is seen to be missing. */
  #catchUpAt(): Millis | undefined {
    const { state } = this;
    const { receipt } = this.#context.options.timing;
    const current = state.view.epoch;
    const since = earliest(state.missingSince, this.#hint.beyond(current)?.since);
    if (since === undefined) {
      this.#missing.reset();
      this.#missingAt = undefined;
      return state.counter.checkAt;
    }
    return earliest(state.counter.checkAt, this.#missingAt ?? millis(since + receipt));
  }

  *#catchUp(): Job<Phase | undefined> {
    const { state } = this;
    const hint = this.#hint.beyond(state.view.epoch);
    const isMissing = state.missingSince !== undefined || hint !== undefined;
    const unknown = this.#fetchedFor === undefined;
    if ((isMissing || unknown) && this.#fetchedFor !== state.nextEpoch) {
      this.#fetchedFor = state.nextEpoch;
      yield* fetchCommits(state);
      if (state.isDistrusted || this.#nextToApply() !== undefined) return undefined;
    }
    const outcome = yield* state.isFenced ? askHistory(state) : askPlainCounter(state);
    this.#missingAt = isMissing ? millis(this.#context.now + this.#missing.next()) : undefined;
    if (outcome.kind === 'failed') return undefined;
    if (hint !== undefined) this.#hint.judge(hint, outcome.reached, this.#context.now);
    return outcome.phase;
  }

  /** Sends a Welcome again, or looks at a KeyPackage: by turns, so that neither keeps the other waiting. */
  #nextJoiner(): Job<undefined> | undefined {
    const resend = this.#hasResent && this.#queue.length > 0 ? undefined : this.#resend.shift();
    this.#hasResent = resend !== undefined;
    if (resend !== undefined) return this.#republish(resend);
    const joiner = this.#queue.shift();
    return joiner && this.#inspect(joiner.sender, joiner.payload);
  }

  #keyPackage(sender: SenderId, payload: Uint8Array): void {
    const { now } = this.#context;
    if (this.state.door.isDeclined(sender, now)) return;
    this.state.door.heard(sender, now);
    const hash = this.#hashOf(payload);
    if (!this.#seen.has(hash)) {
      if (this.#queue.length >= MAX_QUEUE) return;
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear();
      this.#seen.set(hash, undefined);
      this.#queue.push({ sender, payload: payload.slice() });
      return;
    }
    const seen = this.#seen.get(hash);
    if (seen?.ref !== undefined && this.#queue.length < MAX_QUEUE && this.state.work.takeRefused(seen.ref)) {
      this.#queue.push({ sender, payload: payload.slice() });
      return;
    }
    if (seen !== undefined) this.#welcomeAgain(seen.senderId);
  }

  #hashOf(keyPackage: Uint8Array): string {
    return encodeHex(this.#context.options.crypto.sha256(keyPackage));
  }

  /** A joiner asks again: our Welcome to it may be lost. */
  #welcomeAgain(joiner: SenderId): void {
    const sent = this.state.sentWelcomes.find(joiner, this.#context.now);
    if (sent !== undefined && !this.#resend.includes(sent)) this.#resend.push(sent);
  }

  *#inspect(sender: SenderId, keyPackage: Uint8Array): Job<undefined> {
    const hash = this.#hashOf(keyPackage);
    const verdict = yield* ask('inspect-key-package', { handle: this.state.handle, keyPackage });
    switch (verdict.kind) {
      case 'kicked':
        this.#context.emit({ kind: 'kicked-asks', signatureKey: verdict.signatureKey });
        return undefined;
      case 'refused':
        return undefined;
      case 'early':
        // The joiner has seen an epoch that we have not: it is looked at again when it asks again.
        this.#hint.seen(verdict.asOf, this.state.view.epoch, this.#context.now);
        this.#seen.delete(hash);
        return undefined;
      case 'answered':
        this.#seen.set(hash, { ref: undefined, senderId: verdict.senderId });
        this.#welcomeAgain(verdict.senderId);
        return undefined;
      case 'acceptable': {
        const { ref, signatureKey, senderId, asOf, displayName } = verdict;
        if (this.#context.kicked.has(signatureKey) || this.state.work.isKicking(signatureKey)) {
          // In another generation, or it left before our kick was made: others may let it in, and we do not.
          this.#context.emit({ kind: 'kicked-asks', signatureKey });
          return undefined;
        }
        const fingerprint = fingerprintOfSender(senderId);
        // The Welcome goes to the SenderId in the track's name, which therefore has to be the KeyPackage's.
        if (fingerprint === undefined || !equal(sender, senderId)) return undefined;
        if (!this.state.pastJoins.admits(verdict)) return undefined;
        const { now } = this.#context;
        const { work, door } = this.state;
        // It may have been declined while it was inspected.
        if (door.isDeclined(sender, now)) return undefined;
        const join = { ref, keyPackage, signatureKey, fingerprint, senderId, asOf, displayName, since: now };
        const fits = work.join(join);
        if (fits) door.expect(join, now);
        // A joiner for whom there was no room is inspected again when it asks again.
        if (fits) this.#seen.set(hash, { ref, senderId });
        else this.#seen.delete(hash);
        this.state.noteDoor();
        return undefined;
      }
    }
  }

  *#republish({ epoch, attempt, delivery, receipt }: SentWelcome): Job<undefined> {
    return yield* ask('republish-welcome', {
      group: this.state.group,
      epoch,
      attempt,
      delivery,
      receipt,
    });
  }

  /** In plain mode: looks for a newer generation of the room. A lonely member follows it; others only report it. */
  *#probe(): Job<Phase | undefined> {
    const { state } = this;
    const { timing } = this.#context.options;
    const next = state.generation + 1;
    const outcome = yield* ask('probe', { group: this.#context.groupName(next) });
    const alone = state.view.roster.length === 1;
    this.#probeAt = millis(this.#context.now + (alone ? timing.lonely : timing.healthy));
    if (isFailure(outcome) || outcome.current === undefined) return undefined;
    if (alone) return yield* leaveGeneration(state);
    if (!this.#newerSaid) this.#context.emit({ kind: 'newer-generation', generation: next });
    this.#newerSaid = true;
    return undefined;
  }
}
