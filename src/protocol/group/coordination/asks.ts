/**
 * What the coordinator asks of the world, and the jobs that ask.
 *
 * A job is a generator: it yields an ask and is resumed with the answer, so that a sequence of steps reads as one
 * while nothing in the core waits. A crash is a job that is never resumed.
 */
import type {
  AliveOutcome,
  CloseOutcome,
  HistoryOutcome,
  IncrementOutcome,
  IncrementRequest,
  LockOutcome,
  LockRequest,
  RoomOutcome,
  UploadEntry,
  UploadOutcome,
  CounterFailure,
} from '../../counter/client.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { JoinMemory } from './past-joins.ts';
import type { JoinId } from '../leaf-join.ts';
import type { MeetingParameters } from '../meeting-parameters.ts';
import type {
  BegunEpoch,
  CommitPlan,
  CreatedGroup,
  GroupHandle,
  JoinOutcome,
  KeyPackageVerdict,
  OwnJoin,
  OwnKeyPackage,
  ProcessOutcome,
  StagedHandle,
  StageOutcome,
} from '../mls.ts';
import type { GroupName, SenderId } from '../names.ts';

/** An object of the commits track or of our Welcome track. */
export interface GroupObject {
  /** MOQT group: the MLS epoch that begins. */
  readonly epoch: Epoch;
  /** Object ID: 2f is the Commit or Welcome of attempt f, 2f+1 its receipt. */
  readonly object: number;
  /** Read, not changed. */
  readonly payload: Uint8Array;
}

/** A Welcome and the joiner to whom it goes. */
export interface WelcomeDelivery {
  readonly recipient: SenderId;
  readonly welcome: Uint8Array;
}

/** One line of the meeting's key history. */
export interface LogEntry {
  readonly epoch: Epoch;
  readonly receipt: Uint8Array;
  /** The Commit, for the last few epochs. */
  readonly commit: Uint8Array | undefined;
}

/** Where the Welcome of a staged Add goes. */
export interface StagedRecipient {
  readonly ref: Uint8Array;
  readonly recipient: SenderId;
}

/** What is saved with the MLS state so that a membership can be resumed. */
export interface MembershipRecord {
  readonly generation: number;
  readonly senderId: SenderId;
  /** We made the group, and do not know yet whether the counter accepted it. */
  readonly creating: boolean;
  readonly log: readonly LogEntry[];
  readonly joins: JoinMemory;
  /** For the Welcomes of the staged Commit, if there is one. */
  readonly recipients: readonly StagedRecipient[];
}

/** Input and answer of each kind of ask. */
export interface AskTypes {
  /** Does a group exist, and in which epoch? Changes nothing. */
  probe: [
    input: { readonly group: GroupName },
    answer: { readonly kind: 'ok'; readonly current: Epoch | undefined } | CounterFailure,
  ];
  lock: [
    input: {
      readonly group: GroupName;
      readonly request: LockRequest;
      /** Whose epoch key signs; in fenced mode above epoch 0. */
      readonly member?: GroupHandle;
    },
    answer: LockOutcome,
  ];
  increment: [
    input: { readonly group: GroupName; readonly request: IncrementRequest; readonly member?: GroupHandle },
    answer: IncrementOutcome,
  ];
  history: [input: { readonly group: GroupName; readonly from: Epoch }, answer: HistoryOutcome];
  /** In fenced mode: which generation of the room is the meeting, and which begins next. */
  room: [input: Record<string, never>, answer: RoomOutcome];
  /** Says that our generation is alive. */
  alive: [
    input: { readonly group: GroupName; readonly val: Epoch; readonly member: GroupHandle },
    answer: AliveOutcome,
  ];
  /** Says that the last member leaves. */
  close: [
    input: { readonly group: GroupName; readonly val: Epoch; readonly member: GroupHandle },
    answer: CloseOutcome,
  ];
  upload: [
    input: {
      readonly group: GroupName;
      readonly generation: number;
      readonly entries: readonly UploadEntry[];
    },
    answer: UploadOutcome,
  ];
  'create-group': [
    input: { readonly group: GroupName; readonly parameters: MeetingParameters; readonly joinId: JoinId },
    answer: CreatedGroup,
  ];
  'make-key-package': [input: { readonly group: GroupName } & OwnJoin, answer: OwnKeyPackage];
  'forget-key-packages': [input: { readonly group: GroupName }, answer: undefined];
  'inspect-key-package': [
    input: { readonly handle: GroupHandle; readonly keyPackage: Uint8Array },
    answer: KeyPackageVerdict,
  ];
  stage: [input: { readonly handle: GroupHandle; readonly plan: CommitPlan }, answer: StageOutcome];
  process: [input: { readonly handle: GroupHandle; readonly commit: Uint8Array }, answer: ProcessOutcome];
  apply: [input: { readonly handle: GroupHandle; readonly staged: StagedHandle }, answer: BegunEpoch];
  join: [input: { readonly group: GroupName; readonly welcome: Uint8Array }, answer: JoinOutcome];
  'forget-group': [input: { readonly handle: GroupHandle }, answer: undefined];
  /** Writes state and record; answered once they would survive a crash. */
  save: [input: { readonly handle: GroupHandle; readonly record: MembershipRecord }, answer: undefined];
  /** Remembers that these keys were kicked from the room; answered once that would survive a crash. It outlives what is erased. */
  'remember-kicked': [input: { readonly keys: readonly Uint8Array[] }, answer: undefined];
  /** Forgets what was saved. */
  erase: [input: Record<string, never>, answer: undefined];
  /** Subscribes to the tracks of a group instead of those of any group before. */
  'enter-group': [
    input: { readonly generation: number; readonly group: GroupName; readonly senderId: SenderId },
    answer: undefined,
  ];
  /** Sends our KeyPackage as the next object of our track. */
  'publish-key-package': [
    input: { readonly group: GroupName; readonly senderId: SenderId; readonly keyPackage: Uint8Array },
    answer: undefined,
  ];
  /** Sends a Commit and its Welcomes at object 2f. Answered even when nothing could be sent. */
  'publish-commit': [
    input: {
      readonly group: GroupName;
      readonly epoch: Epoch;
      readonly attempt: number;
      readonly commit: Uint8Array;
      readonly welcomes: readonly WelcomeDelivery[];
    },
    answer: undefined,
  ];
  /**
   * Sends a receipt at object 2f+1 after what it is about: to the commits track, and to the Welcome tracks to which the
   * `publish-commit` of the same attempt has sent.
   */
  'publish-receipt': [
    input: {
      readonly group: GroupName;
      readonly epoch: Epoch;
      readonly attempt: number;
      readonly receipt: Uint8Array;
    },
    answer: undefined,
  ];
  /** Sends a Welcome, and its receipt in fenced mode, once more: the same bytes at the same locations. */
  'republish-welcome': [
    input: {
      readonly group: GroupName;
      readonly epoch: Epoch;
      readonly attempt: number;
      readonly delivery: WelcomeDelivery;
      readonly receipt: Uint8Array | undefined;
    },
    answer: undefined,
  ];
  /** FETCHes the commits track from an epoch on; answered with what was received, complete or not. */
  'fetch-commits': [
    input: { readonly group: GroupName; readonly from: Epoch },
    answer: readonly GroupObject[],
  ];
  /** Lets time pass; answered by the coordinator itself. */
  sleep: [input: { readonly until: Millis }, answer: undefined];
}

/** Names of asks. */
export type AskKind = keyof AskTypes;
/** An ask of one kind, or of any. */
export type Ask<Kind extends AskKind = AskKind> = {
  readonly [Each in Kind]: { readonly kind: Each; readonly input: AskTypes[Each][0] };
}[Kind];
/** What answers an ask. */
export type Answer<Kind extends AskKind> = AskTypes[Kind][1];

/** A sequence of steps with asks in between. */
export type Job<Result> = Generator<Ask, Result, unknown>;

/** Asks within a job: `yield* ask('lock', …)`. */
export function* ask<Kind extends AskKind>(kind: Kind, input: AskTypes[Kind][0]): Job<Answer<Kind>> {
  // The coordinator resumes a job with the answer of the ask that it yielded.
  return (yield { kind, input } as Ask) as Answer<Kind>;
}
