/** What a benchmark yields. */

/** One measured value, with what it is held against. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What was measured beside it in the same run. */
  readonly against: string;
  readonly goal: string;
  readonly met: boolean;
}

/** Receives a line of progress. */
export type Say = (line: string) => void;

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Three significant digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
