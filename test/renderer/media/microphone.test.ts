/**
 * The microphone is on only because somebody said so: every order of clicks, keys, focus, windows, panels and devices,
 * with the real state machines and the real device behind them.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stepTalkKey } from '../../../src/renderer/features/meeting/talk-key.ts';
import type { KeyPlace, TalkKeyEvent } from '../../../src/renderer/features/meeting/talk-key.ts';
import type { MediaModel } from '../../../src/renderer/app/media.svelte.ts';
import type { MeetingKeyboard } from '../../../src/renderer/features/meeting/keyboard.ts';
import type { MeetingAction } from '../../../src/renderer/features/meeting/shortcuts.ts';
import { afterEvent } from '../../../src/renderer/media/microphone.ts';
import type { Microphone, MicrophoneEvent } from '../../../src/renderer/media/microphone.ts';
import { FakeMediaDevices, settle } from '../harness/fake-devices.ts';
import { FakeBridge } from '../harness/fake-bridge.ts';
import { sceneFor } from '../harness/scenes.ts';

describe('microphone', () => {
  test.each<[Microphone, MicrophoneEvent, Microphone]>([
    ['muted', 'toggle', 'open'],
    ['open', 'toggle', 'muted'],
    ['talking', 'toggle', 'muted'],
    ['muted', 'talk', 'talking'],
    ['open', 'talk', 'open'],
    ['talking', 'talk', 'talking'],
    ['muted', 'hush', 'muted'],
    ['open', 'hush', 'open'],
    ['talking', 'hush', 'muted'],
    ['muted', 'mute', 'muted'],
    ['open', 'mute', 'muted'],
    ['talking', 'mute', 'muted'],
    ['muted', 'unmute', 'open'],
    ['open', 'unmute', 'open'],
    ['talking', 'unmute', 'open'],
  ])('%s, %s: %s', (before, event, after) => {
    expect(afterEvent(before, event)).toBe(after);
  });
});

describe('talk key', () => {
  const down = (change: Partial<TalkKeyEvent & { kind: 'down' }> = {}): TalkKeyEvent => ({
    kind: 'down',
    place: 'page',
    repeat: false,
    combined: false,
    microphoneOn: false,
    ...change,
  });
  const up: TalkKeyEvent = { kind: 'up', place: 'page' };

  test('talks while held, and its repetition does nothing more', () => {
    expect(stepTalkKey('up', down())).toEqual({ key: 'held', taken: true, does: 'talk' });
    expect(stepTalkKey('held', down({ repeat: true }))).toEqual({
      key: 'held',
      taken: true,
      does: undefined,
    });
    expect(stepTalkKey('held', up)).toEqual({ key: 'up', taken: true, does: 'hush' });
  });

  test.each<KeyPlace>(['text', 'control', 'dialog'])('belongs to what has the keyboard: %s', (place) => {
    expect(stepTalkKey('up', down({ place }))).toEqual({ key: 'up', taken: false, does: undefined });
    expect(stepTalkKey('up', { kind: 'up', place })).toEqual({ key: 'up', taken: false, does: undefined });
  });

  test.each<KeyPlace>(['text', 'control', 'dialog', 'microphone'])(
    'is still ours when the keyboard goes to another place while it is held: %s',
    (place) => {
      expect(stepTalkKey('held', down({ place, repeat: true })).taken).toBe(true);
      expect(stepTalkKey('held', { kind: 'up', place })).toEqual({ key: 'up', taken: true, does: 'hush' });
    },
  );

  test('never clicks the microphone’s button: it talks, or mutes what is on', () => {
    expect(stepTalkKey('up', down({ place: 'microphone' })).does).toBe('talk');
    expect(stepTalkKey('up', down({ place: 'microphone', microphoneOn: true })).does).toBe('mute');
    for (const key of ['up', 'held'] as const)
      for (const event of [
        down({ place: 'microphone', repeat: true }),
        down({ place: 'microphone', combined: true }),
        { kind: 'up', place: 'microphone' } as const,
      ])
        expect(stepTalkKey(key, event).taken).toBe(true);
  });

  test('is not pressed by what repeats after it was lost', () => {
    const lost = stepTalkKey('held', { kind: 'lost' });
    expect(lost).toEqual({ key: 'up', taken: false, does: 'hush' });
    expect(stepTalkKey(lost.key, down({ repeat: true }))).toEqual({
      key: 'up',
      taken: true,
      does: undefined,
    });
  });

  test('in a combination of the system is the system’s', () => {
    expect(stepTalkKey('up', down({ combined: true }))).toEqual({ key: 'up', taken: false, does: undefined });
  });
});

/** What has the keyboard, as far as the keyboard's listener looks. */
class FakeElement {
  place: KeyPlace = 'page';
  readonly isContentEditable = false;

  matches(): boolean {
    return this.place === 'text';
  }

  closest(selector: string): FakeElement | null {
    if (selector === 'dialog' || selector === '[data-microphone]')
      return selector.includes(this.place) ? this : null;
    return this.place === 'microphone' || this.place === 'control' ? this : null;
  }

  blur(): void {
    this.place = 'page';
  }
}

/** What becomes of a track's sound is not the subject here. */
class FakeWorker {
  readonly postMessage = (): void => undefined;
}

class FakeProcessor {
  readonly readable = {};
}

class FakeDocument extends EventTarget {
  readonly activeElement = new FakeElement();

  querySelector(): FakeElement | null {
    return this.activeElement.place === 'dialog' ? this.activeElement : null;
  }
}

describe('whatever happens', () => {
  let devices: FakeMediaDevices;
  let page: FakeDocument;
  let Media: typeof MediaModel;
  let Keyboard: typeof MeetingKeyboard;

  beforeEach(async () => {
    openPlatform();
    ({ MediaModel: Media } = await import('../../../src/renderer/app/media.svelte.ts'));
    ({ MeetingKeyboard: Keyboard } = await import('../../../src/renderer/features/meeting/keyboard.ts'));
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  function openPlatform(): void {
    devices = new FakeMediaDevices();
    page = new FakeDocument();
    vi.stubGlobal('window', new EventTarget());
    vi.stubGlobal('document', page);
    vi.stubGlobal('Element', FakeElement);
    vi.stubGlobal('HTMLElement', FakeElement);
    vi.stubGlobal('AudioContext', FakeElement);
    vi.stubGlobal('navigator', { mediaDevices: devices, hardwareConcurrency: 2 });
    vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined });
    vi.stubGlobal('location', { href: 'app://conclave/', origin: 'app://conclave' });
    vi.stubGlobal('setInterval', () => 0);
    vi.stubGlobal('Worker', FakeWorker);
    vi.stubGlobal('MediaStreamTrackProcessor', FakeProcessor);
  }

  /** A person before a window: what they do there, and what the last thing was that they said of the microphone. */
  class Person {
    readonly media: MediaModel;
    stopListening: () => void;
    isKeyDown = false;
    isInWindow = true;
    /** macOS tells of no other key's release meanwhile. */
    isMetaDown = false;
    saidOn = false;
    /** The platform presses a focused button when Space is released on it. */
    #pressing = false;

    constructor() {
      this.media = new Media(new FakeBridge(sceneFor('home', 'dark')));
      this.stopListening = this.#listen();
    }

    /** The meeting is over; the next one begins with whatever keys are still held. */
    endMeeting(): void {
      this.stopListening();
      this.media.switchOff();
      this.saidOn = false;
      page.activeElement.place = 'page';
      this.stopListening = this.#listen();
    }

    #listen(): () => void {
      const act = (action: MeetingAction): void => {
        if (action === 'microphone') this.toggle();
      };
      const model = { act, escape: () => undefined };
      return new Keyboard(model, this.media).listen();
    }

    toggle(): void {
      this.saidOn = !this.media.isOn('microphone');
      this.media.toggle('microphone');
    }

    /** @param what - the button. */
    click(what: 'microphone' | 'control'): void {
      if (!this.isInWindow || page.activeElement.place === 'dialog') return;
      const pressed = new Event('mousedown', { cancelable: true });
      const button = new FakeElement();
      button.place = what;
      Object.defineProperty(pressed, 'target', { value: button });
      if (window.dispatchEvent(pressed)) page.activeElement.place = what;
      if (what === 'microphone') this.toggle();
    }

    spaceDown(repeat: boolean, combined: boolean): void {
      this.isKeyDown = true;
      if (!this.isInWindow) return;
      const { place } = page.activeElement;
      const wasOn = this.media.isOn('microphone');
      const modifiers = { ctrlKey: combined, metaKey: this.isMetaDown };
      const passed = this.key('keydown', { code: 'Space', key: ' ', repeat, ...modifiers });
      if (passed && place === 'microphone') this.#pressing = true;
      // The one thing that Space says for good: it mutes on the button that says so.
      if (place === 'microphone' && wasOn && !this.media.isOn('microphone')) this.saidOn = false;
    }

    spaceUp(key = ' '): void {
      this.isKeyDown = false;
      if (!this.isInWindow || this.isMetaDown) return;
      const passed = this.key('keyup', { code: 'Space', key });
      // Nobody who holds Space asks for a microphone that stays on.
      if (passed && this.#pressing && page.activeElement.place === 'microphone')
        this.media.toggle('microphone');
      this.#pressing = false;
    }

    meta(type: 'keydown' | 'keyup'): void {
      this.isMetaDown = type === 'keydown';
      this.key(type, { code: 'MetaLeft', key: 'Meta', metaKey: this.isMetaDown });
    }

    leaveWindow(): void {
      this.isInWindow = false;
      window.dispatchEvent(new Event('blur'));
    }

    /** @returns whether the platform may act on it. */
    key(type: 'keydown' | 'keyup', what: object): boolean {
      if (!this.isInWindow) return false;
      const event = new Event(type, { cancelable: true });
      const none = { ctrlKey: false, altKey: false, metaKey: false, shiftKey: false, repeat: false };
      Object.assign(event, { ...none, ...what });
      Object.defineProperty(event, 'target', { value: page.activeElement });
      return window.dispatchEvent(event);
    }
  }

  type Act = readonly [name: string, act: (person: Person) => unknown];
  const acts: readonly Act[] = [
    ['click on the microphone', (person) => person.click('microphone')],
    ['click on another button', (person) => person.click('control')],
    ['M', (person) => person.key('keydown', { code: 'KeyM', key: 'm' })],
    ['Space down', (person) => person.spaceDown(person.isKeyDown, false)],
    ['Space down, not as a repetition', (person) => person.spaceDown(false, false)],
    ['Space repeats', (person) => person.spaceDown(true, false)],
    ['Control+Space', (person) => person.spaceDown(person.isKeyDown, true)],
    ['Space up', (person) => person.spaceUp()],
    ['Space up, as another character', (person) => person.spaceUp('\u00a0')],
    ['Meta down', (person) => person.meta('keydown')],
    ['Meta up', (person) => person.meta('keyup')],
    ['to another window', (person) => person.leaveWindow()],
    ['back to the window', (person) => (person.isInWindow = true)],
    ...(['page', 'microphone', 'control', 'text', 'dialog'] as const).map((place): Act => [
      `focus: ${place}`,
      () => (page.activeElement.place = place),
    ]),
    ['another device', ({ media }) => media.choose('microphone', 'other')],
    ['the default device', ({ media }) => media.choose('microphone', undefined)],
    ['the device starts', () => devices.answer()],
    ['the device is refused', () => devices.answer('NotAllowedError')],
    ['the device is missing', () => devices.answer('NotFoundError')],
    ['the device is pulled out', () => devices.live.forEach((track) => track.unplug())],
    ['a device comes', () => devices.dispatchEvent(new Event('devicechange'))],
    ['the page is hidden', () => page.dispatchEvent(new Event('visibilitychange'))],
    ['the meeting ends', (person) => person.endMeeting()],
  ];

  test('Space talks after a click on any button, and with a panel open', () => {
    const person = new Person();
    person.click('microphone');
    person.click('microphone');
    person.click('control');
    // A panel takes the focus to its heading.
    page.activeElement.place = 'page';
    person.spaceDown(false, false);
    expect(person.media.isTalking).toBe(true);
    person.spaceUp();
    expect(person.media.isOn('microphone')).toBe(false);
    page.activeElement.place = 'control';
    person.click('control');
    person.spaceDown(false, false);
    expect(person.media.isTalking).toBe(true);
    person.endMeeting();
    expect(person.media.isOn('microphone')).toBe(false);
  });

  test('Space is let go when another modifier hides its release', () => {
    const person = new Person();
    person.spaceDown(false, false);
    person.meta('keydown');
    person.spaceUp();
    expect(person.media.isOn('microphone')).toBe(false);
  });

  test('a refusal is shown while somebody waits for the microphone, and until they ask again', async () => {
    const person = new Person();
    person.spaceDown(false, false);
    person.spaceUp();
    await devices.answer('NotAllowedError');
    expect(person.media.microphone).toEqual({ kind: 'off' });
    person.spaceDown(false, false);
    await devices.answer('NotAllowedError');
    person.spaceUp();
    expect(person.media.microphone.kind).toBe('failed');
    person.toggle();
    expect(person.media.microphone.kind).toBe('starting');
  });

  test('after the key is released or the window left, it is on only if the last word said so', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.nat(acts.length - 1).map((at) => acts[at]!),
          { maxLength: 40 },
        ),
        async (run) => {
          openPlatform();
          const person = new Person();
          const { media } = person;
          const holds = (): void => {
            // A device that was lost, or refused, is off, and stays off.
            if (media.microphone.kind === 'failed') person.saidOn = false;
            if (!person.isKeyDown || !person.isInWindow) expect(media.isOn('microphone')).toBe(person.saidOn);
            if (!media.isOn('microphone')) expect(devices.live).toEqual([]);
            const { kind } = media.microphone;
            expect(media.isOn('microphone')).toBe(kind === 'on' || kind === 'starting');
          };
          for (const [, act] of run) {
            await act(person);
            holds();
            await settle();
            holds();
          }
          person.isInWindow = true;
          person.meta('keyup');
          person.spaceUp();
          while (devices.waiting > 0) await devices.answer();
          holds();
          expect(devices.live).toHaveLength(media.isOn('microphone') ? 1 : 0);
          person.endMeeting();
          expect(devices.live).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
