/** A meeting that runs: performs what the machine wants, and feeds it what comes of it. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../io/clock.ts';
import { Driver } from '../../io/driver.ts';
import { carryOut, readEvents } from '../../io/moqt/transport-io.ts';
import type { CounterClient, DatedAnswer, EpochSigner } from '../../protocol/counter/client.ts';
import { invariant, unreachable } from '../../protocol/errors.ts';
import type { DownlinkItem } from '../../protocol/media/encoded-media.ts';
import type { GroupHandle } from '../../protocol/group/mls.ts';
import type { MeetingOptions } from '../../protocol/meeting/core.ts';
import type {
  AskId,
  ConnectionId,
  CounterAsk,
  LoadAnswer,
  MeetingEffect,
  WriteAnswer,
} from '../../protocol/meeting/effects.ts';
import type { MeetingInput } from '../../protocol/meeting/inputs.ts';
import { Meeting } from '../../protocol/meeting/meeting.ts';
import type { SeenMove } from '../../protocol/meeting/seen-move.ts';
import type { MeetingView } from '../../protocol/meeting/view.ts';
import type { TransportSession } from '../../protocol/moqt/transport.ts';
import { MlsThreadLost } from '../mls/worker-mls-port.ts';
import { millis, type Millis } from '../../protocol/units.ts';
import { answerStoreAsk, discardStoreAnswer, type StoreAskPorts } from './membership-store.ts';
import { answerMlsAsk, discardMlsAnswer, type MlsAskPorts } from './mls-asks.ts';

/** What a running meeting is made of. */
export interface MeetingPorts extends MlsAskPorts, StoreAskPorts {
  readonly options: MeetingOptions;
  readonly counter: CounterClient;
  readonly clock: Clock;
  /** Opens a transport session to a relay, with one of the protocols of `moqt/drafts.ts`. Rejects when there is none. */
  connect(relay: string): Promise<TransportSession>;
  /** Opened media and wishes to the encoder, in order. */
  downlink(item: DownlinkItem): void;
  /** Somebody moves the meeting, and it is the move that counts. */
  moved(move: SeenMove): void;
  /** There is a new view. */
  changed(): void;
  /** The meeting is over for us and nothing is under way any more: what it was made of can go. */
  ended(): void;
}

/** How often the round trip to the relay is looked at. */
const MEASURE_EVERY_MS = 1_000;
/** How often the transport is asked whether all is sent, and how long packets that may be lost get at least. */
const FLUSH_STEP_MS = 20;
const FLUSH_LEAST_MS = 60;

/** The shell round the machine. */
export class RunningMeeting {
  readonly #ports: MeetingPorts;
  readonly #machine: Meeting;
  readonly #driver: Driver<MeetingInput, MeetingEffect>;
  readonly #transports = new Map<ConnectionId, TransportSession>();
  /** Calls of MLS and store that are under way. */
  readonly #underWay = new Set<Promise<void>>();
  /** Threads of MLS of whose death the machine was told. */
  readonly #lostThreads = new Set<number>();
  #measureAt = millis(0);
  #view: MeetingView | undefined;
  #displayName: string;
  readonly #over: Promise<void>;
  #settleOver: () => void = () => undefined;

  constructor(ports: MeetingPorts) {
    this.#ports = ports;
    this.#displayName = ports.options.displayName;
    this.#over = new Promise((resolve) => (this.#settleOver = resolve));
    this.#machine = new Meeting(ports.options);
    this.#driver = new Driver(
      this.#machine,
      {
        perform: (effect) => {
          this.#perform(effect);
        },
        fault: (error) => {
          this.#fault(error);
        },
      },
      ports.clock,
    );
    this.#driver.feed({ kind: 'start' });
    this.#driver.drain();
  }

  /** What the window is shown. */
  get view(): MeetingView {
    invariant(this.#view !== undefined, 'a meeting shows itself when it starts');
    return this.#view;
  }

  /** Resolves when the meeting is over for us and nothing of it is under way any more: nothing is written after that. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** Hands over what people and the window want. */
  feed(input: MeetingInput): void {
    if (input.kind === 'rename') this.#displayName = input.displayName;
    this.#driver.feed(input);
  }

  /** The counter has said what time it is. */
  dated(answer: DatedAnswer): void {
    this.#driver.feed({ kind: 'dated', answer });
  }

  /** Says good-bye and leaves; resolves when our state of the group is erased. */
  leave(): Promise<void> {
    this.#driver.feed({ kind: 'leave' });
    return this.#over;
  }

  /** Ends here without leaving: a later start resumes the membership. */
  suspend(): Promise<void> {
    this.#driver.feed({ kind: 'suspend' });
    return this.#over;
  }

  #perform(effect: MeetingEffect): void {
    switch (effect.kind) {
      case 'connect':
        void this.#connect(effect.connection, effect.relay);
        return;
      case 'transport': {
        const { connection, command } = effect;
        const transport = this.#transports.get(connection);
        const bytes = transport && carryOut(transport, command);
        if (command.kind === 'write' && bytes !== undefined)
          this.#driver.feed({
            kind: 'queued',
            connection,
            stream: command.stream,
            bytes,
            roundTrip: transport && this.#roundTripOf(transport),
          });
        return;
      }
      case 'flush':
        void this.#flush(effect.connection);
        return;
      case 'counter':
        {
          const lost = (error: MlsThreadLost): void => {
            this.#mlsLost(error);
          };
          const call = this.#answer(effect.id, answerCounterAsk(effect.ask, this.#ports, lost));
          // The last word of a meeting: its connection is kept until it is out.
          if (effect.ask.kind === 'close') this.#track(call);
        }
        return;
      case 'mls': {
        const { id, ask } = effect;
        const discard = (late: unknown): Promise<void> => discardMlsAnswer(ask, late, this.#ports);
        this.#track(this.#answer(id, answerMlsAsk(ask, this.#ports, this.#displayName), discard));
        return;
      }
      case 'store': {
        const { id, ask } = effect;
        const discard = (late: LoadAnswer | WriteAnswer): Promise<void> =>
          discardStoreAnswer(late, this.#ports);
        this.#track(this.#answer(id, answerStoreAsk(ask, this.#ports), discard));
        return;
      }
      case 'downlink':
        this.#ports.downlink(effect.item);
        return;
      case 'show':
        this.#view = effect.view;
        this.#ports.changed();
        return;
      case 'moved':
        this.#ports.moved(effect.move);
        return;
      case 'ended':
        this.#end();
        return;
      default:
        unreachable(effect);
    }
  }

  /** Looked at now and then: it costs a call of the addon. */
  #roundTripOf(transport: TransportSession): Millis | undefined {
    const now = this.#ports.clock.now();
    if (now < this.#measureAt) return undefined;
    this.#measureAt = millis(now + MEASURE_EVERY_MS);
    const stats = transport.stats?.();
    return stats && millis(stats.rttMs);
  }

  async #connect(connection: ConnectionId, relay: string): Promise<void> {
    let transport: TransportSession;
    try {
      transport = await this.#ports.connect(relay);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'the connection failed';
      this.#driver.feed({ kind: 'connect-failed', connection, reason });
      return;
    }
    const { transport: kind, protocol } = transport;
    const url = new URL(relay);
    const established = { transport: kind, protocol, path: url.pathname + url.search, authority: url.host };
    this.#transports.set(connection, transport);
    this.#driver.feed({ kind: 'connected', connection, established });
    if (this.#driver.stopped) transport.close(0, 'done');
    try {
      await readEvents(transport, (event) => {
        this.#driver.feed({ kind: 'transport', connection, event });
      });
    } catch (error) {
      this.#fault(error);
    }
    this.#transports.delete(connection);
  }

  /** Waits until nothing waits to be sent: then what was said last is on its way. */
  async #flush(connection: ConnectionId): Promise<void> {
    const transport = this.#transports.get(connection);
    let waited = 0;
    do {
      await wait(FLUSH_STEP_MS);
      waited += FLUSH_STEP_MS;
    } while (
      this.#transports.has(connection) &&
      (waited < FLUSH_LEAST_MS || (transport?.queuedBytes() ?? 0) > 0)
    );
    this.#driver.feed({ kind: 'flushed', connection });
  }

  /**
   * Feeds what comes of a call, or erases it when the meeting has ended meanwhile.
   * @returns what resolves when that is done; it never rejects.
   */
  async #answer<Answer>(
    id: AskId,
    call: Promise<Answer>,
    discard?: (late: Answer) => Promise<void>,
  ): Promise<void> {
    try {
      const answer = await call;
      // The end may be among what waits to be performed.
      this.#driver.drain();
      if (this.#driver.stopped) await discard?.(answer);
      else this.#driver.feed({ kind: 'answer', id, answer });
    } catch (error) {
      if (error instanceof MlsThreadLost) this.#mlsLost(error);
      else this.#fault(error);
    }
  }

  /** The machine takes up the membership again: once for all that one death lets fail. */
  #mlsLost({ thread, message }: MlsThreadLost): void {
    if (this.#lostThreads.has(thread)) return;
    this.#lostThreads.add(thread);
    process.emitWarning(message, 'MlsThreadLost');
    this.#driver.feed({ kind: 'mls-lost' });
  }

  /** Keeps the end waiting. */
  #track(call: Promise<void>): void {
    this.#underWay.add(call);
    void call.then(() => this.#underWay.delete(call));
  }

  /** A fault of our own: nothing more is done with keys that may be wrong. */
  #fault(error: unknown): void {
    process.emitWarning(error instanceof Error ? error : String(error), 'MeetingFault');
    if (this.#hasEnded()) return;
    this.#driver.stop();
    this.#attempt(() => {
      this.#machine.handle({ kind: 'fault' }, this.#ports.clock.now());
    });
    // However far it came: what it wanted erased is erased.
    this.#attempt(() => {
      for (let effect = this.#machine.poll(); effect !== undefined; effect = this.#machine.poll())
        this.#perform(effect);
    });
    if (this.#hasEnded()) return;
    // The machine cannot even end: it is let go as it is.
    this.#view = { ...this.view, end: 'fault' };
    this.#ports.changed();
    this.#end();
  }

  #hasEnded(): boolean {
    return this.#view?.end !== undefined;
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error), 'MeetingFault');
    }
  }

  #end(): void {
    this.#driver.stop();
    for (const transport of this.#transports.values()) transport.close(0, 'done');
    void Promise.all(this.#underWay).then(() => {
      this.#ports.ended();
      this.#settleOver();
    });
  }
}

/** @param lost - told when a call cannot be signed since MLS has died. */
function answerCounterAsk(
  ask: CounterAsk,
  { counter, mls }: MeetingPorts,
  lost: (error: MlsThreadLost) => void,
): Promise<unknown> {
  const signed =
    (member: GroupHandle): EpochSigner =>
    async (message) => {
      try {
        return await mls.signWithEpochKey(member, message);
      } catch (error) {
        if (error instanceof MlsThreadLost) lost(error);
        throw error;
      }
    };
  const signerOf = (member: GroupHandle | undefined): EpochSigner | undefined => member && signed(member);
  switch (ask.kind) {
    case 'lock':
      return counter.lock(ask.input.group, ask.input.request, signerOf(ask.input.member));
    case 'increment':
      return counter.increment(ask.input.group, ask.input.request, signerOf(ask.input.member));
    case 'history':
      return counter.history(ask.input.group, ask.input.from);
    case 'upload':
      return counter.upload(ask.input.group, ask.input.generation, ask.input.entries);
    case 'room':
      return counter.room();
    case 'alive':
      return counter.alive(ask.input.group, ask.input.val, signed(ask.input.member));
    case 'close':
      return counter.close(ask.input.group, ask.input.val, signed(ask.input.member));
    default:
      return unreachable(ask);
  }
}
