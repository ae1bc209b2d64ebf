/** A hash that costs little, for where nobody tries to break one: what it tells apart differs by chance, not by attack. */

const BYTES_OF_LANE = 4;

/** @returns a hash of `key` and of all parts as if joined: fresh bytes, `length` of them. */
export function keyedHash(length: number, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const lanes = new Int32Array(BYTES_OF_LANE);
  lanes[0] = length;
  lanes[1] = key.length;
  absorb(lanes, key);
  for (const part of parts) absorb(lanes, part);
  const hash = new Uint8Array(length);
  for (let at = 0; at < length; at += BYTES_OF_LANE) {
    const mixed = avalanche(lanes, at);
    for (let byte = 0; byte < BYTES_OF_LANE && at + byte < length; byte += 1)
      hash[at + byte] = mixed >>> (8 * byte);
  }
  return hash;
}

function absorb(lanes: Int32Array, bytes: Uint8Array): void {
  let a = lanes[0] ?? 0;
  let b = lanes[1] ?? 0;
  let c = lanes[2] ?? 0;
  let d = lanes[3] ?? 0;
  for (const byte of bytes) {
    a = (Math.imul(a ^ byte, 0x85ebca6b) + b) | 0;
    b = (Math.imul(b ^ (a >>> 15), 0xc2b2ae35) + c) | 0;
    c = ((c ^ byte) + Math.imul(d, 0x27d4eb2f)) | 0;
    d = ((d << 13) | (d >>> 19)) ^ a;
  }
  lanes[0] = a;
  lanes[1] = b;
  lanes[2] = c;
  lanes[3] = d;
}

/** Each bit of the result follows from all lanes, and from the place in the hash. */
function avalanche(lanes: Int32Array, place: number): number {
  let mixed = Math.imul(place + 1, 0x165667b1);
  for (const lane of lanes) {
    mixed ^= lane;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  }
  return mixed ^ (mixed >>> 16);
}
