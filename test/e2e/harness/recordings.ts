/** The recordings of `assets/media`: what each participant's camera shows and microphone hears. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from 'jpeg-js';
import { pictureFromBytes, type Picture } from './picture.ts';
import { soundFromWav, type Sound } from './speech.ts';

/** Who there is a recording of. */
export const people = ['ana', 'bo', 'chen', 'dina', 'eli'] as const;

/** Name of a recording. */
export type Person = (typeof people)[number];

const folder = join(import.meta.dirname, '../../../assets/media');
const knownFrames = new Map<Person, readonly Picture[]>();
const knownSpeech = new Map<Person, Sound>();

/** What a camera shows: every second frame, 15 a second, since neighbours are alike and decoding takes 10 ms each. */
export function framesOf(person: Person): readonly Picture[] {
  const known = knownFrames.get(person);
  if (known) return known;
  const images = jpegs(readFileSync(join(folder, `${person}.mjpeg`))).filter((_, index) => index % 2 === 0);
  const frames = images.map((jpeg) => {
    const { width, height, data } = decode(jpeg, { useTArray: true, formatAsRGBA: false });
    return pictureFromBytes(width, height, data, 3);
  });
  knownFrames.set(person, frames);
  return frames;
}

/** What a microphone hears. */
export function speechOf(person: Person): Sound {
  const known = knownSpeech.get(person);
  if (known) return known;
  const speech = soundFromWav(readFileSync(join(folder, `${person}.wav`)));
  knownSpeech.set(person, speech);
  return speech;
}

/** The JPEG images that an MJPEG file strings together. */
export function jpegs(mjpeg: Uint8Array): Uint8Array[] {
  const images: Uint8Array[] = [];
  let start = -1;
  // Inside an image 0xff is followed by 0x00 or a restart marker, so these two markers only stand at its ends.
  for (let at = 0; at + 1 < mjpeg.length; at++) {
    if (mjpeg[at] !== 0xff) continue;
    if (mjpeg[at + 1] === 0xd8) start = at;
    if (mjpeg[at + 1] === 0xd9 && start >= 0) {
      images.push(mjpeg.subarray(start, at + 2));
      start = -1;
    }
  }
  return images;
}
