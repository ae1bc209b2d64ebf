/** Messages between the main thread and the MLS worker. */
import type { MlsPort } from './mls-port.ts';

/** Names of the port's operations. */
export type MlsOperation = keyof MlsPort;

/** Operations that the worker performs; anything else is refused. */
export const MLS_OPERATIONS: readonly MlsOperation[] = [
  'createGroup',
  'keyPackage',
  'forgetKeyPackages',
  'inspectKeyPackage',
  'stageCommit',
  'processCommit',
  'signWithEpochKey',
  'sealMove',
  'openMove',
  'apply',
  'join',
  'serialise',
  'restore',
  'keyRecord',
  'forget',
];

/** What a thread is started with. */
export interface MlsWorkerData {
  /** Handles that the thread gives begin here. */
  readonly firstHandle: number;
}

/** One call; answered once. */
export interface MlsCall {
  readonly id: number;
  readonly operation: MlsOperation;
  readonly parameters: readonly unknown[];
}

/** The answer to a call. `failed` is a fault of our own: whatever peers can cause is part of the result. */
export type MlsAnswer =
  | { readonly id: number; readonly kind: 'done'; readonly result: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string };
