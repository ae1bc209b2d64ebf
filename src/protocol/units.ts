/** Branded units, so that a number of one kind is not taken for another. */

declare const brand: unique symbol;

/** `Base` that carries the meaning `Name` in its type only. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Milliseconds on a monotonic clock or a duration in milliseconds, as the name says. */
export type Millis = Brand<number, 'Millis'>;
/** Microseconds: media timestamps. */
export type Micros = Brand<number, 'Micros'>;
/** Milliseconds since 1970-01-01T00:00Z. */
export type UnixMillis = Brand<number, 'UnixMillis'>;
/** An MLS epoch (RFC 9420 §8.7), which is also the Key ID of media sealed in it. */
export type Epoch = Brand<bigint, 'Epoch'>;

/** Names a number of milliseconds. */
export const millis = (value: number): Millis => value as Millis;
/** Names a number of microseconds. */
export const micros = (value: number): Micros => value as Micros;
/** Names a wall-clock time in milliseconds. */
export const unixMillis = (value: number): UnixMillis => value as UnixMillis;
/** Names an MLS epoch. */
export const epoch = (value: bigint): Epoch => value as Epoch;
