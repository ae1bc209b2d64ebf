import { untrack } from 'svelte';
import type { Away, MeetingState, Participant, ParticipantId } from '../../../contract/state.ts';
import type { AppModel } from '../../app/app.svelte.ts';
import type { MediaModel } from '../../app/media.svelte.ts';
import { DoorModel } from '../door/model.svelte.ts';
import { decides } from '../door/words.ts';
import type { PersonAction } from '../people/person-actions.ts';
import { describeSettings, pastNotices } from './notices.ts';
import type { PastNotice, Settings } from './notices.ts';
import type { MeetingAction } from './shortcuts.ts';
import { words } from './words.ts';

/** The state of a meeting that one is in. */
export type InMeeting = MeetingState & { readonly kind: 'in-meeting' };

/** ms that a notice stays. */
const NOTICE_TIME = 5000;
/** Changes noticed by this window that can be read again. */
const MAX_OWN_NOTICES = 50;

/** One meeting as this window shows it. */
export class MeetingModel {
  panel: 'none' | 'people' | 'security' = $state('none');
  page = $state(0);
  showShortcuts = $state(false);
  /** Leaving was asked for, and the person is asked whether they mean it. */
  #askedToLeave = $state(false);
  /** What happened just now, newest last. */
  notices: readonly { readonly id: number; readonly text: string }[] = $state.raw([]);
  readonly #app: AppModel;
  readonly #media: MediaModel;
  readonly #meeting: () => InMeeting;
  /** Everybody on the stage, in an order that does not jump: by leaf, oneself last. */
  readonly onStage: readonly Participant[] = $derived.by(() => {
    const present = this.#meeting().participants.filter(({ leaving }) => !leaving);
    return present.sort((a, b) => Number(a.self) - Number(b.self) || a.leaf - b.leaf);
  });
  /** Who would go on without oneself. */
  readonly others: readonly Participant[] = $derived(this.onStage.filter(({ self }) => !self));
  readonly #closing: number | undefined = $derived.by(() => this.#app.state?.closing?.request);
  /** What the person is asked: to leave, or to leave as the window is being closed. */
  readonly question: 'leave' | 'close' | undefined = $derived.by(() => {
    if (this.#closing !== undefined) return 'close';
    return this.#askedToLeave ? 'leave' : undefined;
  });
  /** When one was away last, of what is shown no more: the person has seen it, or uses a device again. */
  #awaySeen: number | undefined = $state();
  /** What one should know about having been away. */
  readonly away: Away | undefined = $derived.by(() => {
    const { away } = this.#meeting();
    return away?.at === this.#awaySeen ? undefined : away;
  });
  /** Who waits to be let in. */
  readonly door: DoorModel;
  /** Changes that this window has noticed itself. */
  #ownNotices: readonly PastNotice[] = $state.raw([]);
  /** What happened and can be read again, oldest first. */
  readonly past: readonly PastNotice[] = $derived.by(() =>
    pastNotices(this.#meeting().notices, this.#ownNotices),
  );
  /** The newest of the meeting's notices that has been shown. */
  #shownNotice: number | undefined;
  #settings: Settings | undefined;
  /** Others whose names are known, as they were before. */
  #named: readonly Participant[] | undefined;
  #noticeId = 0;

  /** @param meeting - gives the newest state; read reactively. */
  constructor(app: AppModel, media: MediaModel, meeting: () => InMeeting) {
    this.#app = app;
    this.#media = media;
    this.#meeting = meeting;
    $effect(() => {
      media.connect();
      return () => {
        media.disconnect();
      };
    });
    // What the devices do is what main is told, not the other way round.
    $effect(() => {
      const microphone = media.isOn('microphone');
      const camera = media.isOn('camera');
      void app.call('meeting.sending', { microphone, camera });
    });
    // Main sends nothing in a meeting that was split, and no device is to look as if it did.
    $effect(() => {
      if (this.#meeting().split && this.isSending) untrack(this.stopSending);
    });
    // A key that was asked for is there.
    let renewing = false;
    $effect(() => {
      const { ownKey } = this.#meeting().encryption;
      const isDone = renewing && !ownKey.renewing;
      renewing = ownKey.renewing;
      const { since } = ownKey;
      if (isDone && since !== undefined)
        untrack(() => {
          this.#notify(words.newKey(since));
        });
    });
    this.door = new DoorModel(meeting, {
      answer: async (answer, participant) => await app.call(`meeting.${answer}`, { participant }),
      announce: (sentence) => {
        // Whoever may answer is asked on the screen.
        if (decides(meeting()) || this.panel === 'people') app.announcement = sentence;
        else this.#notify(sentence);
      },
      failed: (sentence) => {
        this.#notify(sentence);
      },
    });
    $effect(() => {
      const { notices, role, admission } = this.#meeting();
      untrack(() => {
        this.#showNew(notices);
        this.#showChanges({ role, admission });
      });
    });
    // The question is on the screen: main no longer takes this window for one that hangs.
    $effect(() => {
      const request = this.#closing;
      if (request !== undefined) void app.call('window.asking', { request });
    });
    $effect(() => {
      const present = this.onStage;
      untrack(() => {
        this.#noticeComings(present);
      });
    });
  }

  /** Does what a button or a key stands for; paging is left to who knows the pages. */
  readonly act = (action: MeetingAction): void => {
    switch (action) {
      case 'microphone':
      case 'camera':
        this.seenAway();
        if (this.#meeting().split) this.#notify(words.split);
        else this.#media.toggle(action);
        break;
      case 'people':
      case 'security':
        this.panel = this.panel === action ? 'none' : action;
        break;
      case 'invite':
        void this.#copyInvitation();
        break;
      case 'full-screen':
        void toggleFullScreen();
        break;
      case 'previous-page':
        this.page = Math.max(0, this.page - 1);
        break;
      case 'next-page':
        this.page += 1;
        break;
      case 'shortcuts':
        this.showShortcuts = true;
        break;
      case 'leave':
        // Nobody is left behind by somebody who is alone.
        if (this.others.length === 0) this.#leave();
        else this.#askedToLeave = true;
        break;
    }
  };

  /** The answer to {@link question}. */
  readonly answer = (answer: 'stay' | 'leave'): void => {
    const { question } = this;
    this.#askedToLeave = false;
    if (question === 'close')
      void this.#app.call(answer === 'leave' ? 'window.close' : 'window.stay', undefined);
    else if (answer === 'leave') this.#leave();
  };

  /** Closes what is open. */
  readonly escape = (): void => {
    if (this.panel === 'none') this.door.hide();
    this.panel = 'none';
  };

  /** Microphone or camera is on. */
  readonly isSending: boolean = $derived.by(
    () => this.#media.isOn('microphone') || this.#media.isOn('camera'),
  );

  /** Switches microphone and camera off. */
  readonly stopSending = (): void => {
    this.#media.switchOff();
  };

  readonly seenAway = (): void => {
    this.#awaySeen = this.#meeting().away?.at;
  };

  /** Whose pictures are on the screen now. */
  watch(participants: readonly ParticipantId[]): void {
    this.#media.watch(participants);
    void this.#app.call('meeting.watch', { participants: [...participants] });
  }

  /** Does what an organiser decided about somebody. @returns a sentence when it did not work. */
  async decide(action: PersonAction, participant: ParticipantId): Promise<string | undefined> {
    const outcome =
      action === 'remove'
        ? await this.#app.call('meeting.remove', { participant })
        : await this.#app.call('meeting.organiser', { participant, organiser: action === 'make-organiser' });
    return outcome.ok ? undefined : outcome.problem.sentence;
  }

  /** Opens or closes the door. @returns a sentence when it did not work. */
  async setAdmission(admission: InMeeting['admission']): Promise<string | undefined> {
    const outcome = await this.#app.call('meeting.admission', { admission });
    return outcome.ok ? undefined : outcome.problem.sentence;
  }

  /** Moves the meeting to a new link, without these. @returns a sentence when it did not work. */
  async move(leaveBehind: readonly ParticipantId[]): Promise<string | undefined> {
    const outcome = await this.#app.call('meeting.move', { leaveBehind: [...leaveBehind] });
    return outcome.ok ? undefined : outcome.problem.sentence;
  }

  /** Goes along with whoever moves the meeting, or stays. */
  async answerMove(follows: boolean): Promise<void> {
    await this.#app.call('meeting.answer-move', { follows });
  }

  /** Makes a fresh key for this device; that it is there is said aloud when the state says so. */
  async renewKey(): Promise<void> {
    const outcome = await this.#app.call('meeting.renew-key', undefined);
    if (!outcome.ok) this.#notify(outcome.problem.sentence);
  }

  async exportHistory(): Promise<void> {
    const outcome = await this.#app.call('meeting.export-history', undefined);
    if (!outcome.ok) this.#notify(outcome.problem.sentence);
    else if (outcome.value !== null) this.#notify(`Saved to ${outcome.value.path}.`);
  }

  /** Shows sentences for a while and says them aloud. */
  #notify(...texts: readonly string[]): void {
    if (texts.length === 0) return;
    this.#app.announcement = texts.join(' ');
    for (const text of texts) {
      const id = (this.#noticeId += 1);
      this.notices = [...this.notices.slice(-3), { id, text }];
      setTimeout(() => {
        this.notices = this.notices.filter((notice) => notice.id !== id);
      }, NOTICE_TIME);
    }
  }

  /** Shows what happened since it was looked last; what happened before this window was there is only kept. */
  #showNew(notices: InMeeting['notices']): void {
    const shown = this.#shownNotice;
    this.#shownNotice = Math.max(shown ?? 0, ...notices.map(({ id }) => id));
    if (shown !== undefined)
      this.#notify(...notices.filter(({ id }) => id > shown).map(({ sentence }) => sentence));
  }

  #showChanges(settings: Settings): void {
    const before = this.#settings;
    this.#settings = settings;
    if (before === undefined) return;
    const sentences = describeSettings(before, settings);
    const time = Date.now();
    const noticed = sentences.map((sentence) => ({
      key: `own ${String((this.#noticeId += 1))}`,
      time,
      sentence,
    }));
    this.#ownNotices = [...this.#ownNotices, ...noticed].slice(-MAX_OWN_NOTICES);
    this.#notify(...sentences);
  }

  #leave(): void {
    void this.#app.call('meeting.leave', undefined);
  }

  async #copyInvitation(): Promise<void> {
    const outcome = await this.#app.call('meeting.copy-link', undefined);
    this.#notify(outcome.ok ? words.copied(this.#meeting().admission) : outcome.problem.sentence);
  }

  /** What is known of why somebody is not on the stage any more. */
  #going(id: ParticipantId, name: string): string {
    const still = this.#meeting().participants.find((person) => person.id === id);
    if (still === undefined) return words.gone(name);
    return still.removing ? words.removing(name) : words.left(name);
  }

  /** Those who were here already when one came in are not announced. */
  #noticeComings(present: readonly Participant[]): void {
    const named = present.filter(({ self, displayName }) => !self && displayName !== undefined);
    const before = this.#named;
    this.#named = named;
    if (before === undefined) return;
    for (const { displayName } of missingFrom(before, named)) this.#notify(words.joined(displayName ?? ''));
    for (const { id, displayName } of missingFrom(named, before))
      this.#notify(this.#going(id, displayName ?? ''));
  }
}

function missingFrom(list: readonly Participant[], people: readonly Participant[]): readonly Participant[] {
  return people.filter(({ id }) => !list.some((other) => other.id === id));
}

async function toggleFullScreen(): Promise<void> {
  try {
    if (document.fullscreenElement === null) await document.documentElement.requestFullscreen();
    else await document.exitFullscreen();
  } catch {
    // The window manager may refuse; the window then stays as it is.
  }
}
