/** Where a window goes that shares the screen with others, as in a demonstration. */

/** A place in a row of windows: the first of three is `{ index: 0, count: 3 }`. */
export interface Place {
  /** Counted from 0 at the left. */
  readonly index: number;
  readonly count: number;
}

/** Pixels of the screen, as Electron counts them. */
export interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** No higher than this: tiles in a high and narrow window are small. */
const MAX_HEIGHT = 720;
/** Between two windows, so that one sees where one ends even without frames. */
const GAP = 12;

/**
 * Shares an area evenly among windows that stand side by side. Where it is too narrow for all, they overlap, but each
 * stays inside it.
 * @param area - the part of the screen that windows may take.
 * @param minWidth - no window may be narrower.
 */
export function placeInRow(area: Bounds, { index, count }: Place, minWidth: number): Bounds {
  const width = Math.min(
    area.width,
    Math.max(minWidth, Math.floor((area.width - GAP * (count - 1)) / count)),
  );
  const step = count === 1 ? 0 : (area.width - width) / (count - 1);
  const height = Math.min(area.height, MAX_HEIGHT);
  return {
    x: area.x + Math.floor(index * step),
    y: area.y + Math.floor((area.height - height) / 2),
    width,
    height,
  };
}

/** Reads 'INDEX/COUNT', both counted from 1. @returns undefined when it is anything else. */
export function parsePlace(text: string): Place | undefined {
  const [, index, count] = /^([1-9]\d?)\/([1-9]\d?)$/.exec(text) ?? [];
  const place = { index: Number(index) - 1, count: Number(count) };
  return place.index < place.count ? place : undefined;
}
