/**
 * The app behind its window: who one is, the meeting one is in, and the calls that the renderer may make. It knows
 * nothing of Electron: what it needs from it comes in as ports.
 */
import type { Problem } from '../contract/calls.ts';
import type { DownlinkItem } from '../contract/media.ts';
import { failed, ok, type Result } from '../contract/result.ts';
import type { AppState, IdentityState, MeetingState } from '../contract/state.ts';
import { fingerprintGroups } from '../protocol/group/fingerprint-text.ts';
import { fingerprintHue } from './identity/fingerprint.ts';
import {
  createGuestIdentity,
  createIdentity,
  describeIdentityProblem,
  loadIdentity,
  type Identity,
} from './identity/identity.ts';
import type { Decision, Refusal } from '../protocol/meeting/decisions.ts';
import type { Keychain } from './identity/keychain.ts';
import { KickedKeysStore } from './kicked-keys.ts';
import { createInvitation, readInvitation, summarise } from './invitations.ts';
import { describeMeeting, type MeetingContext } from './meeting/meeting-state.ts';
import { refusalSentence } from './meeting/notice-sentences.ts';
import { joinMeeting, type JoinedMeeting } from './join-meeting.ts';
import type { MlsPort } from './mls/mls-port.ts';
import { loadRecentMeetings, rememberMeeting, rememberMove, type RecentMeeting } from './recent-meetings.ts';
import type { Servers } from './servers.ts';
import type { CallHandlers } from './shell/call-handlers.ts';
import { WindowClosing } from './shell/window-closing.ts';
import { MemoryStore } from './storage/memory-store.ts';
import type { Profile } from './storage/profile.ts';
import { openSealedStore } from './storage/sealed-store.ts';
import type { StateStore } from './storage/state-store.ts';

/** What the app is made of. */
export interface AppPorts {
  readonly version: string;
  readonly profile: Profile;
  readonly keychain: Keychain;
  readonly servers: Servers | undefined;
  readonly mls: MlsPort;
  /** Camera and microphone were asked for on the command line. */
  readonly devicesAtStart: boolean;
  /** Shows a new state. */
  readonly changed: (state: AppState) => void;
  readonly downlink: (item: DownlinkItem) => void;
  readonly writeClipboard: (text: string) => void;
  /** Asks where to save. @returns undefined when the person thinks better of it. */
  readonly saveFile: (suggestedName: string, content: string) => Promise<string | undefined>;
  /** Closes the window without asking again. */
  readonly closeWindow: () => void;
}

/** Changes are shown at most this often. */
const SHOW_EVERY_MS = 50;

interface CurrentMeeting {
  readonly meeting: JoinedMeeting;
  readonly rememberedLink: string;
  readonly context: MeetingContext;
}

/**
 * Answers the window's calls and pushes a new snapshot of the state after every change. Holds the identity, the settings
 * and at most one meeting.
 */
export class App {
  readonly handlers: CallHandlers;
  /** Asks before the window closes on others. */
  readonly closing: WindowClosing;
  readonly #ports: AppPorts;
  #identity: Identity | undefined;
  #guestName: string | undefined;
  #keychainProblem: string | undefined;
  #store: StateStore = new MemoryStore();
  /** What guests remember of kicks, whichever key they have, until the app ends. */
  readonly #guestsKickedKeys = new KickedKeysStore(new MemoryStore());
  #kickedKeys = this.#guestsKickedKeys;
  #recent: readonly RecentMeeting[] = [];
  #pendingLink: string | undefined;
  #current: CurrentMeeting | undefined;
  /** Resolves when nothing of the newest meeting is under way any more, though the window has dismissed it. */
  #over: Promise<void> = Promise.resolve();
  #isStopping = false;
  /** Until the page has done so: a page that is loaded again must not undo what the person said since. */
  #devicesAtStart: boolean;
  #showing: NodeJS.Timeout | undefined;
  /** The state that was shown last, as JSON: a meeting says often that it may have changed. */
  #shown: string | undefined;

  constructor(ports: AppPorts) {
    this.#ports = ports;
    this.#devicesAtStart = ports.devicesAtStart;
    this.closing = new WindowClosing({
      othersPresent: () => this.#othersPresent(),
      close: ports.closeWindow,
      changed: () => {
        this.#changed();
      },
    });
    this.handlers = this.#makeHandlers();
  }

  /** Reads the identity that is kept; to be called once, before anything else. */
  async start(): Promise<void> {
    const { keychain, profile } = this.#ports;
    const outcome = await loadIdentity(keychain, profile.id);
    if (outcome.kind === 'ready') await this.#keepAs(outcome.identity);
    else if (outcome.kind !== 'missing')
      this.#keychainProblem = describeIdentityProblem(outcome, process.platform);
    this.#changed();
  }

  /** A link that the system, or the command line, handed over: the renderer shows its preview. */
  openLink(link: string): void {
    this.#pendingLink = link;
    this.#changed();
  }

  /** The meeting one is in, for media. */
  get meeting(): JoinedMeeting | undefined {
    return this.#current?.meeting;
  }

  /** Leaves the meeting, so that the others' keys change at once, and lets the profile go. */
  async stop(): Promise<void> {
    clearTimeout(this.#showing);
    this.#isStopping = true;
    await this.#current?.meeting.leave();
    await this.#over;
    await this.#ports.mls.close();
    await this.#ports.profile.close();
  }

  /** What the renderer draws. */
  state(): AppState {
    const { version, servers, profile } = this.#ports;
    const { request } = this.closing;
    const meeting = this.#meetingState();
    return {
      version,
      identity: this.#identityState(),
      canCreate: servers !== undefined,
      pendingLink: this.#pendingLink,
      theme: profile.settings.theme,
      devicesAtStart: this.#devicesAtStart,
      recent: this.#recent,
      meeting,
      closing: meeting.kind === 'in-meeting' && request !== undefined ? { request } : undefined,
    };
  }

  #makeHandlers(): CallHandlers {
    return {
      'app.state': () => this.state(),
      'identity.create': ({ displayName }) => this.#createIdentity(displayName),
      'identity.guest': ({ displayName }) => this.#useGuest(displayName),
      'identity.rename': ({ displayName }) => this.#rename(displayName),
      'settings.theme': async ({ theme }) => {
        await this.#ports.profile.changeSettings({ theme });
        return this.#done();
      },
      'meeting.inspect': ({ link }) => {
        if (link === this.#pendingLink) {
          this.#pendingLink = undefined;
          this.#changed();
        }
        const read = readInvitation(link);
        return read.ok ? ok(summarise(read.value)) : read;
      },
      'meeting.create': ({ title, keyAgreement }) => {
        const { servers } = this.#ports;
        if (servers === undefined)
          return problem(
            'No servers are set up to start a meeting on. Ask for an invitation, or set up servers.',
          );
        return ok({ link: createInvitation(servers, title, keyAgreement) });
      },
      'meeting.join': ({ link, microphone, camera }) => this.#join(link, { microphone, camera }),
      'meeting.leave': async () => {
        await this.#current?.meeting.leave();
        return this.#done();
      },
      'meeting.dismiss': () => {
        if (this.#current?.meeting.view.end !== undefined) this.#current = undefined;
        return this.#done();
      },
      'meeting.sending': (sending) => {
        this.#devicesAtStart = false;
        this.#current?.meeting.setSending(sending);
        return ok(null);
      },
      'meeting.watch': ({ participants }) => {
        this.#current?.meeting.watch(participants);
        return ok(null);
      },
      'meeting.remove': ({ participant }) => this.#decide({ kind: 'kick', participant }),
      'meeting.admit': ({ participant }) => this.#decide({ kind: 'admit', participant }),
      'meeting.decline': ({ participant }) => this.#decide({ kind: 'decline', participant }),
      'meeting.admission': ({ admission }) => this.#decide({ kind: 'admission', admission }),
      'meeting.organiser': ({ participant, organiser }) =>
        this.#decide({ kind: 'organiser', participant, isOrganiser: organiser }),
      'meeting.move': ({ leaveBehind }) => this.#try((meeting) => meeting.move(leaveBehind)),
      'meeting.answer-move': ({ follows }) => {
        this.#current?.meeting.answerMove(follows);
        return ok(null);
      },
      'meeting.renew-key': () => {
        if (this.#current?.meeting.view.group === undefined) return problem('You are not in a meeting.');
        this.#current.meeting.renewKey();
        return ok(null);
      },
      'meeting.copy-link': () => {
        if (this.#current === undefined) return problem('You are not in a meeting.');
        this.#ports.writeClipboard(this.#current.meeting.view.link);
        return ok(null);
      },
      'meeting.export-history': () => this.#exportHistory(),
      ...this.closing.handlers,
    };
  }

  async #createIdentity(displayName: string): Promise<Result<null, Problem>> {
    const { keychain, profile } = this.#ports;
    const outcome = await createIdentity(keychain, profile.id);
    if (outcome.kind !== 'ready') {
      this.#keychainProblem = describeIdentityProblem(outcome, process.platform);
      this.#changed();
      return problem(this.#keychainProblem);
    }
    await profile.changeSettings({ displayName });
    await this.#keepAs(outcome.identity);
    return this.#done();
  }

  #useGuest(displayName: string): Result<null, Problem> {
    this.#identity = createGuestIdentity();
    this.#guestName = displayName;
    this.#store = new MemoryStore();
    this.#kickedKeys = this.#guestsKickedKeys;
    this.#recent = [];
    return this.#done();
  }

  async #rename(displayName: string): Promise<Result<null, Problem>> {
    if (this.#identity?.kind === 'guest') this.#guestName = displayName;
    else await this.#ports.profile.changeSettings({ displayName });
    this.#current?.meeting.rename(this.#displayName());
    return this.#done();
  }

  async #keepAs(identity: Identity): Promise<void> {
    const { keychain, profile } = this.#ports;
    const opened = await openSealedStore({
      directory: profile.stateDirectory,
      profileId: profile.id,
      keychain,
    });
    if (opened.kind === 'no-keychain') {
      this.#keychainProblem = describeIdentityProblem(opened, process.platform);
      return;
    }
    this.#identity = identity;
    this.#keychainProblem = undefined;
    this.#store = opened.store;
    this.#kickedKeys = new KickedKeysStore(opened.store);
    this.#recent = await loadRecentMeetings(opened.store);
  }

  async #join(
    link: string,
    sending: { microphone: boolean; camera: boolean },
  ): Promise<Result<null, Problem>> {
    const already = problem('You are already in a meeting. Leave it first.');
    if (this.#isInMeeting()) return already;
    // What the meeting before writes late must not land in one of the same room.
    await this.#over;
    if (this.#isInMeeting() || this.#isStopping) return already;
    const identity = this.#identity;
    if (identity === undefined) return problem('Enter your name first.');
    const read = readInvitation(link);
    if (!read.ok) return failed({ sentence: read.problem.sentence });
    const meeting = joinMeeting({
      link,
      identity,
      store: identity.kind === 'kept' ? this.#store : undefined,
      kickedKeys: this.#kickedKeys,
      mls: this.#ports.mls,
      displayName: this.#displayName(),
      downlink: this.#ports.downlink,
      changed: () => {
        this.#meetingChanged();
      },
    });
    // What was asked in the meeting before is settled.
    this.closing.stay();
    const invitation = summarise(read.value);
    this.#current = {
      meeting,
      rememberedLink: link,
      context: { invitation, since: Date.now(), displayName: this.#displayName(), names: new Map() },
    };
    this.#over = meeting.over;
    meeting.setSending(sending);
    this.#pendingLink = undefined;
    const remembered = { title: invitation.title, link, time: Date.now() };
    this.#recent = await rememberMeeting(this.#store, this.#recent, remembered);
    return this.#done();
  }

  /** The meeting has a new view: where it has moved, its link is another, and the old one leads nowhere. */
  #meetingChanged(): void {
    this.#changed();
    const current = this.#current;
    if (current === undefined || current.meeting.view.link === current.rememberedLink) return;
    const { link } = current.meeting.view;
    this.#current = { ...current, rememberedLink: link };
    const moved = { title: current.context.invitation.title, link, time: Date.now() };
    void rememberMove(this.#store, this.#recent, current.rememberedLink, moved).then((recent) => {
      this.#recent = recent;
      this.#changed();
    });
  }

  #decide(decision: Decision): Result<null, Problem> {
    return this.#try((meeting) => meeting.decide(decision));
  }

  /** Does what may be refused. */
  #try(run: (meeting: JoinedMeeting) => Refusal | undefined): Result<null, Problem> {
    const refusal = this.#current === undefined ? 'not-in-meeting' : run(this.#current.meeting);
    return refusal === undefined ? ok(null) : problem(refusalSentence(refusal));
  }

  #isInMeeting(): boolean {
    return this.#current !== undefined && this.#current.meeting.view.end === undefined;
  }

  async #exportHistory(): Promise<Result<{ readonly path: string } | null, Problem>> {
    const current = this.#current;
    if (current === undefined) return problem('You are not in a meeting.');
    const history = await current.meeting.room.keyHistory(current.context.names);
    if (history.kind === 'unavailable') return problem(history.sentence);
    try {
      const path = await this.#ports.saveFile('key-history.jsonl', history.text);
      return ok(path === undefined ? null : { path });
    } catch {
      return problem('The file could not be saved there. Choose another location.');
    }
  }

  #displayName(): string {
    const { displayName } = this.#ports.profile.settings;
    return (this.#identity?.kind === 'guest' ? this.#guestName : displayName) ?? '';
  }

  #identityState(): IdentityState {
    const identity = this.#identity;
    if (identity === undefined) {
      return this.#keychainProblem === undefined
        ? { kind: 'none' }
        : { kind: 'no-keychain', detail: this.#keychainProblem };
    }
    return {
      kind: identity.kind,
      displayName: this.#displayName(),
      fingerprint: fingerprintGroups(identity.fingerprint),
      hue: fingerprintHue(identity.fingerprint),
    };
  }

  #meetingState(): MeetingState {
    const current = this.#current;
    if (current === undefined) return { kind: 'none' };
    return describeMeeting(current.meeting.view, { ...current.context, displayName: this.#displayName() });
  }

  #othersPresent(): boolean {
    const meeting = this.#meetingState();
    return meeting.kind === 'in-meeting' && meeting.participants.some((each) => !each.self && !each.leaving);
  }

  #done(): Result<null, Problem> {
    this.#changed();
    return ok(null);
  }

  #changed(): void {
    this.#showing ??= setTimeout(() => {
      this.#showing = undefined;
      const state = this.state();
      const shown = JSON.stringify(state);
      if (shown === this.#shown) return;
      this.#shown = shown;
      this.#ports.changed(state);
    }, SHOW_EVERY_MS);
  }
}

const problem = (sentence: string): Result<never, Problem> => failed({ sentence });
