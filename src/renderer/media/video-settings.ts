/** Size, rate and bits of the one rendition that is sent. */
export interface VideoSettings {
  readonly width: number;
  readonly height: number;
  readonly framerate: number;
  readonly bitsPerSecond: number;
}

/** Default bits per second, and the most that is ever sent. */
export const DEFAULT_VIDEO_BITRATE = 700_000;
const LEAST_VIDEO_BITRATE = 50_000;
/** Requested bitrates are rounded to this, so that small changes do not disturb the encoder. */
const BITRATE_STEP = 25_000;

/** Steps from good to poor, each with the least bitrate and number of processor cores that it takes. */
const steps = [
  { above: 300_000, cores: 6, width: 640, height: 360, framerate: 30 },
  { above: 150_000, cores: 3, width: 480, height: 270, framerate: 20 },
  { above: 0, cores: 0, width: 320, height: 180, framerate: 15 },
] as const;

/**
 * The best picture that a machine can encode, and decode several of, without harm to the sound.
 * @param cores - processor cores that the machine says it has.
 */
export function bestPicture(cores: number): {
  readonly width: number;
  readonly height: number;
  readonly framerate: number;
} {
  return steps.find((step) => cores >= step.cores) ?? steps[2];
}

/**
 * Chooses what to encode.
 * @param source - size of the camera's pictures in pixels.
 * @param wish - bits per second that the network carries; undefined: the default.
 * @param cores - processor cores of this machine.
 * @returns even width and height in the source's aspect ratio, never larger than the source.
 */
export function videoSettings(
  source: { readonly width: number; readonly height: number },
  wish: number | undefined,
  cores: number,
): VideoSettings {
  const bitsPerSecond = Math.min(
    Math.max(BITRATE_STEP * Math.round((wish ?? DEFAULT_VIDEO_BITRATE) / BITRATE_STEP), LEAST_VIDEO_BITRATE),
    DEFAULT_VIDEO_BITRATE,
  );
  const step =
    steps.find((candidate) => bitsPerSecond >= candidate.above && cores >= candidate.cores) ?? steps[2];
  const scale = Math.min(1, Math.sqrt((step.width * step.height) / (source.width * source.height)));
  return {
    width: even(source.width * scale),
    height: even(source.height * scale),
    framerate: step.framerate,
    bitsPerSecond,
  };
}

function even(side: number): number {
  return Math.max(2, 2 * Math.round(side / 2));
}
