/**
 * Compares what a window paints with the recording that its sender's camera shows: normalised cross-correlation of
 * luma on a small grid, against the best fitting frame. 1 is the same picture, unrelated pictures stay below 0.5.
 */
import { PNG } from 'pngjs';

/** Brightness of a picture, row by row, 0–255. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly luma: Float32Array;
}

/** Which part of a picture counts, as fractions of its width and height. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** How well a painted picture fits a recording. */
export interface Likeness {
  /** −1 to 1. */
  readonly score: number;
  /** Index of the frame that fits best. */
  readonly frame: number;
}

const grid = { columns: 80, rows: 45 };
const whole: Region = { left: 0, top: 0, right: 1, bottom: 1 };

/** Brightness (BT.601) of RGB or RGBA bytes. */
export function pictureFromBytes(width: number, height: number, bytes: Uint8Array, channels: 3 | 4): Picture {
  const luma = new Float32Array(width * height);
  for (let pixel = 0, at = 0; pixel < luma.length; pixel++, at += channels) {
    luma[pixel] = 0.299 * bytes[at]! + 0.587 * bytes[at + 1]! + 0.114 * bytes[at + 2]!;
  }
  return { width, height, luma };
}

/** Reads a screenshot. */
export function pictureFromPng(png: Uint8Array): Picture {
  const { width, height, data } = PNG.sync.read(Buffer.from(png));
  return pictureFromBytes(width, height, data, 4);
}

/**
 * Finds the frame that a painted picture shows.
 * @param painted - what is on the screen, whatever its size. Where its shape differs from the frames', they are taken to
 *   cover it (CSS `object-fit: cover`), so their middle is compared.
 * @param options.region - the part of the painted picture that counts, where labels lie over the rest.
 * @param options.mirrored - the painted picture is a mirror image, as one's own is.
 */
export function likeness(
  painted: Picture,
  frames: readonly Picture[],
  options: { readonly region?: Region; readonly mirrored?: boolean } = {},
): Likeness {
  const { region = whole, mirrored = false } = options;
  const seen = normalise(sample(painted, region, mirrored));
  let best: Likeness = { score: -1, frame: -1 };
  for (const [frame, picture] of frames.entries()) {
    const cover = coveredPart(picture, painted.width / painted.height);
    const counted = mirrored ? { ...region, left: 1 - region.right, right: 1 - region.left } : region;
    const score = dot(seen, normalise(sample(picture, within(cover, counted), false)));
    if (score > best.score) best = { score, frame };
  }
  return best;
}

/** How much two pictures of one shape differ, by the same measure: 1 is no difference. */
export function similarity(one: Picture, other: Picture): number {
  return likeness(one, [other]).score;
}

/** The middle of a picture that remains when it covers a box of another shape. */
function coveredPart(picture: Picture, shape: number): Region {
  const own = picture.width / picture.height;
  if (own > shape) {
    const cut = (1 - shape / own) / 2;
    return { left: cut, top: 0, right: 1 - cut, bottom: 1 };
  }
  const cut = (1 - own / shape) / 2;
  return { left: 0, top: cut, right: 1, bottom: 1 - cut };
}

function within(outer: Region, inner: Region): Region {
  const width = outer.right - outer.left;
  const height = outer.bottom - outer.top;
  return {
    left: outer.left + inner.left * width,
    top: outer.top + inner.top * height,
    right: outer.left + inner.right * width,
    bottom: outer.top + inner.bottom * height,
  };
}

/** Mean brightness in each cell of the grid laid over a region; cells count pixels by the share they cover. */
function sample(picture: Picture, region: Region, mirrored: boolean): Float32Array {
  const cells = new Float32Array(grid.columns * grid.rows);
  const width = ((region.right - region.left) * picture.width) / grid.columns;
  const height = ((region.bottom - region.top) * picture.height) / grid.rows;
  const sums = sumsOf(picture);
  for (let row = 0; row < grid.rows; row++) {
    const top = region.top * picture.height + row * height;
    for (let column = 0; column < grid.columns; column++) {
      const left = region.left * picture.width + column * width;
      const sum =
        sumUpTo(sums, picture, left + width, top + height) -
        sumUpTo(sums, picture, left, top + height) -
        sumUpTo(sums, picture, left + width, top) +
        sumUpTo(sums, picture, left, top);
      cells[row * grid.columns + (mirrored ? grid.columns - 1 - column : column)] = sum / (width * height);
    }
  }
  return cells;
}

const knownSums = new WeakMap<Picture, Float64Array>();

/** For every corner between pixels: the sum of all brightness above and left of it. */
function sumsOf(picture: Picture): Float64Array {
  const known = knownSums.get(picture);
  if (known) return known;
  const { width, height, luma } = picture;
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      row += luma[y * width + x]!;
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1]! + row;
    }
  }
  knownSums.set(picture, sums);
  return sums;
}

/** The sum above and left of a point, which may lie within a pixel. */
function sumUpTo(sums: Float64Array, { width, height }: Picture, x: number, y: number): number {
  const left = Math.min(Math.floor(x), width - 1);
  const top = Math.min(Math.floor(y), height - 1);
  const at = top * (width + 1) + left;
  const upper = sums[at]! + (sums[at + 1]! - sums[at]!) * (x - left);
  const lower = sums[at + width + 1]! + (sums[at + width + 2]! - sums[at + width + 1]!) * (x - left);
  return upper + (lower - upper) * (y - top);
}

/** Takes off the mean and brings to length 1; a picture of one colour becomes all zeros, which is like nothing. */
function normalise(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = values.map((value) => value - mean);
  const length = Math.sqrt(dot(centred, centred));
  return length < 1e-3 * values.length ** 0.5 ? centred.fill(0) : centred.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
  return sum;
}
