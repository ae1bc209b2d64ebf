/** Our membership alone in its world: the counter's real rules, MLS without cryptography, a disk, a relay that is told what to do. */
import type { CounterMode } from '../../../src/protocol/counter/client.ts';
import type { MembershipRecord } from '../../../src/protocol/group/coordination/asks.ts';
import { earliest } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import type { CounterAsk, MeetingEffect, MlsAsk, StoreAsk } from '../../../src/protocol/meeting/effects.ts';
import type { GroupEvent } from '../../../src/protocol/meeting/group-events.ts';
import { MlsGroup, type MlsGroupOwner } from '../../../src/protocol/meeting/mls-group.ts';
import { UndoneDecisions } from '../../../src/protocol/meeting/undone-decisions.ts';
import { FakeMls } from '../../harness/group/fake-mls.ts';
import { fakeCrypto, serviceKey } from '../../harness/group/simulation.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { Agenda } from '../../harness/simulation/agenda.ts';
import { answerMls } from '../../harness/simulation/answer-mls.ts';
import { Driven } from '../../harness/simulation/driven.ts';
import { SimulatedCounter } from '../../harness/simulation/simulated-counter.ts';
import { isDone } from './mls-tracks-scene.ts';
import { REFUSED, ScriptedRelay } from './scripted-relay.ts';

const KEY = new Uint8Array(32).fill(5);

export type AnyAsk = CounterAsk | MlsAsk | StoreAsk;

/** See the module's description. */
export class MlsGroupScene {
  readonly agenda = new Agenda();
  readonly relay = new ScriptedRelay();
  readonly core;
  readonly group: MlsGroup;
  readonly mls: FakeMls;
  readonly counter: SimulatedCounter;
  /** What the group's owner was told, in order. */
  readonly events: GroupEvent[] = [];
  readonly entered: string[] = [];
  /** What the relay said to our asking for the group's tracks. */
  readonly answered: boolean[] = [];
  /** Everything that was asked of the world. */
  readonly asked: AnyAsk[] = [];
  /** Kinds of asks that get no answer until it is given by hand. */
  readonly held = new Set<AnyAsk['kind']>();
  /** Answers in place of the world's; undefined: the world's own. */
  instead: (ask: AnyAsk) => unknown = () => undefined;
  disk: { readonly record: MembershipRecord; readonly state: Uint8Array } | undefined;
  /** What is remembered of kicks. */
  kickedKeys: readonly Uint8Array[] = [];
  diskFails = false;
  readonly #waiting: { readonly ask: AnyAsk; readonly run: () => void }[] = [];
  readonly #driven: Driven<() => void, MeetingEffect>;
  #fresh = 0;

  constructor(mode: CounterMode, disk?: MlsGroupScene['disk']) {
    this.disk = disk;
    const parameters = {
      secureObjectsSuite: 4,
      profile: '01',
      mode,
      receiptKey: mode === 'fenced' ? serviceKey : undefined,
      kickedKeys: [],
      admission: 'open' as const,
      organisers: [],
    };
    this.core = meetingCore({
      parameters,
      groupCrypto: fakeCrypto,
      fingerprint: fingerprintOf(KEY, fakeCrypto),
    });
    this.counter = new SimulatedCounter(this.agenda, mode, this.core.options.room);
    this.mls = new FakeMls(KEY, parameters, () => (this.#fresh += 1));
    const { core } = this;
    const owner: MlsGroupOwner = {
      event: (event) => this.events.push(event),
      entering: ({ senderId }) => this.entered.push(Buffer.from(senderId).toString()),
      relayAnswered: (letIn) => this.answered.push(letIn),
      headsOffered: () => undefined,
      offered: () => undefined,
    };
    const group = new MlsGroup(core, owner, new UndoneDecisions());
    this.group = group;
    const settle = (): void => {
      for (let moving = true; moving;) {
        const tasks = core.tasks.run();
        moving = group.drain() || tasks;
      }
    };
    this.#driven = new Driven(
      {
        handle: (run, now) => {
          core.tasks.advance(now);
          run();
          settle();
        },
        poll: () => core.poll(),
        deadline: () => earliest(core.tasks.deadline(), group.deadline()),
        expire: (now) => {
          core.tasks.advance(now);
          const deadline = group.deadline();
          if (deadline !== undefined && deadline <= now) group.expire(now);
          settle();
        },
      },
      (effect) => {
        this.#perform(effect);
      },
      this.agenda,
    );
  }

  /** Something is done to the group. */
  feed(run: () => void): void {
    this.#driven.feed(run);
  }

  /** Lets time pass. */
  pass(duration: number): void {
    this.agenda.runUntil(this.agenda.now + duration);
  }

  /** Begins, and lets a second pass. */
  start(): void {
    this.feed(() => {
      this.group.start();
    });
    this.pass(1_000);
  }

  /** There is a session. */
  connect(): void {
    this.feed(() => {
      this.group.connected(this.relay);
    });
  }

  /** For a second the relay takes everything that it is asked to, and has nothing of what is fetched. */
  accept(): void {
    for (let at = 0; at < 20; at += 1) {
      this.feed(() => {
        const { tracks, namespaces, published, fetches } = this.relay;
        for (const request of [...tracks, ...namespaces, ...published])
          if (!isDone(request.outcome)) request.accept();
        for (const { outcome } of fetches) outcome.settle(REFUSED);
      });
      this.pass(50);
    }
  }

  /** Answers the asks that were held back. */
  release(kind: AnyAsk['kind']): void {
    this.held.delete(kind);
    for (const { ask, run } of this.#waiting.splice(0)) {
      if (ask.kind === kind) run();
      else this.#waiting.push({ ask, run });
    }
  }

  /** How often something of a kind was asked. */
  count(kind: AnyAsk['kind']): number {
    return this.asked.filter((ask) => ask.kind === kind).length;
  }

  /** Kinds of what the owner was told. */
  get told(): string[] {
    return this.events.map((event) => (event.kind === 'status' ? event.step : event.kind));
  }

  #perform(effect: MeetingEffect): void {
    if (effect.kind !== 'counter' && effect.kind !== 'mls' && effect.kind !== 'store')
      throw new Error(`a membership wants no ${effect.kind}`);
    const { id, ask } = effect;
    this.asked.push(ask);
    const answer = (value: unknown): void => {
      this.feed(() => {
        this.core.answer(id, value);
      });
    };
    const run = (): void => {
      const instead = this.instead(ask);
      if (instead !== undefined) {
        this.agenda.after(1, () => {
          answer(instead);
        });
      } else if (effect.kind === 'counter') this.counter.ask(effect.ask, this.mls, answer);
      else
        this.agenda.after(1, () => {
          answer(effect.kind === 'mls' ? answerMls(this.mls, effect.ask) : this.#answerStore(effect.ask));
        });
    };
    if (this.held.has(ask.kind)) this.#waiting.push({ ask, run });
    else run();
  }

  #answerStore(ask: StoreAsk): unknown {
    if (ask.kind === 'load') {
      const { kickedKeys } = this;
      if (this.disk === undefined) return { restored: undefined, kickedKeys };
      const { group, ...rest } = this.mls.restore(this.disk.state);
      return { restored: { record: this.disk.record, handle: group, ...rest }, kickedKeys };
    }
    if (this.diskFails) return 'failed';
    if (ask.kind === 'remember-kicked') {
      this.kickedKeys = [...this.kickedKeys, ...ask.keys];
      return 'written';
    }
    this.disk =
      ask.kind === 'save' ? { record: ask.record, state: this.mls.serialise(ask.handle) } : undefined;
    return 'written';
  }
}
