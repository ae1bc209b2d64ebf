/**
 * The catalog of one participant: a JSON document that lists its tracks and how they are encoded.
 *
 * It travels sealed like all media. Keys come from MLS, so a catalog never carries `trackBaseKey` or `keyId`; whoever can
 * read it holds the keys of what it names.
 *
 * @see msf-01 #catalog
 */
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts';
import { InvariantError, PeerViolation } from '../errors.ts';

/** The version that we write and the only one that we read. @see msf-01 #msfversion */
export const MSF_VERSION = 'draft-01';
/** Largest catalog that is read. */
export const MAX_CATALOG_BYTES = 65_536;
/** Most tracks in one catalog. */
export const MAX_CATALOG_TRACKS = 64;

interface TrackCommon {
  /** Namespace in the string form of `msf-01 #namespacenameencoding`; undefined: that of the catalog. */
  readonly namespace?: string;
  readonly name: string;
  /** False: no objects will follow. */
  readonly isLive: boolean;
  /** WebCodecs codec string. */
  readonly codec: string;
  /** Most bits per second. */
  readonly bitrate: number;
  /** Tracks with the same number are played together. */
  readonly renderGroup?: number;
  /** Tracks with the same number are alternatives of one another. */
  readonly altGroup?: number;
  readonly label?: string;
}

/** An audio track. */
export interface AudioTrack extends TrackCommon {
  readonly kind: 'audio';
  /** Samples per second. */
  readonly sampleRate: number;
  readonly channels: number;
}

/** A video track. Sizes in pixels, frames per second. */
export interface VideoTrack extends TrackCommon {
  readonly kind: 'video';
  readonly width: number;
  readonly height: number;
  readonly framerate: number;
}

/** A track that we can play. */
export type CatalogTrack = AudioTrack | VideoTrack;

/** A complete catalog. Tracks of other packagings and roles are left out when it is read. */
export interface Catalog {
  /** ms since 1970. */
  readonly generatedAt: number;
  readonly tracks: readonly CatalogTrack[];
}

/**
 * Encodes an independent catalog, object 0 of a new group.
 * @throws {InvariantError} when it breaks a bound that receivers hold it to.
 */
export function encodeCatalog(catalog: Catalog): Uint8Array {
  if (catalog.tracks.length > MAX_CATALOG_TRACKS) throw new InvariantError('too many tracks in a catalog');
  const json = JSON.stringify({
    version: MSF_VERSION,
    generatedAt: catalog.generatedAt,
    tracks: catalog.tracks.map(trackToJson),
  });
  const bytes = encodeUtf8(json);
  if (bytes.length > MAX_CATALOG_BYTES) throw new InvariantError('the catalog is too long');
  return bytes;
}

/**
 * Takes the next object of a catalog track: an independent catalog, or a delta to the one before.
 * @param current - the catalog so far in this group; undefined before the first.
 * @param bytes - payload of the object; read only.
 * @returns the catalog after it; `current` is not changed.
 * @throws {PeerViolation} when the object breaks a clause; the catalog so far stays valid.
 */
export function applyCatalogObject(current: Catalog | undefined, bytes: Uint8Array): Catalog {
  const root = parse(bytes);
  if (root.deltaUpdate !== undefined) return applyDelta(current, root);
  if (root.version !== MSF_VERSION) throw broken('#msfversion', 'the catalog has a version not known here');
  const seen = new Set<string>();
  const tracks: CatalogTrack[] = [];
  for (const entry of trackList(root.tracks, '#tracks')) {
    const track = readTrack(entry);
    const key = trackKey(entry);
    if (seen.has(key)) throw broken('#trackname', 'two tracks have the same name');
    seen.add(key);
    if (track !== undefined) tracks.push(track);
  }
  return { generatedAt: optional(root, 'generatedAt', '#generatedat', isTime) ?? 0, tracks };
}

type Json = Readonly<Record<string, unknown>>;

const PROTOCOL_VIOLATION = 0x3;
const MAX_OPERATIONS = 64;
const MAX_STRING = 512;

function trackToJson(track: CatalogTrack): Json {
  const common = {
    namespace: track.namespace,
    name: track.name,
    packaging: 'loc',
    isLive: track.isLive,
    role: track.kind,
    renderGroup: track.renderGroup,
    altGroup: track.altGroup,
    label: track.label,
    codec: track.codec,
    bitrate: track.bitrate,
  };
  switch (track.kind) {
    case 'audio':
      return { ...common, samplerate: track.sampleRate, channelConfig: String(track.channels) };
    case 'video':
      return { ...common, width: track.width, height: track.height, framerate: track.framerate };
  }
}

/** @returns undefined for a track that is of no use to us. */
function readTrack(json: Json): CatalogTrack | undefined {
  const name = required(json, 'name', '#trackname', isText);
  const packaging = required(json, 'packaging', '#packaging', isText);
  const isLive = required(json, 'isLive', '#islive', isBoolean);
  const namespace = optional(json, 'namespace', '#tracknamespace', isText);
  const role = optional(json, 'role', '#trackrole', isText);
  if (packaging !== 'loc' || (role !== 'audio' && role !== 'video')) return undefined;
  const common = {
    name,
    isLive,
    codec: required(json, 'codec', '#codec', isText),
    bitrate: required(json, 'bitrate', '#bitrate', isPositive),
    ...given('namespace', namespace),
    ...given('renderGroup', optional(json, 'renderGroup', '#rendergroup', isIndex)),
    ...given('altGroup', optional(json, 'altGroup', '#altgroup', isIndex)),
    ...given('label', optional(json, 'label', '#tracklabel', isText)),
  };
  if (role === 'audio') {
    return {
      kind: 'audio',
      ...common,
      sampleRate: required(json, 'samplerate', '#audiosamplerate', isSampleRate),
      channels: Number(required(json, 'channelConfig', '#channelconfiguration', isChannelCount)),
    };
  }
  return {
    kind: 'video',
    ...common,
    width: required(json, 'width', '#width', isSide),
    height: required(json, 'height', '#height', isSide),
    framerate: required(json, 'framerate', '#framerate', isFramerate),
  };
}

/** @see msf-01 #deltaupdates */
function applyDelta(current: Catalog | undefined, root: Json): Catalog {
  if (current === undefined) throw broken('#catalog', 'a delta comes before any complete catalog');
  if (root.version !== undefined || root.tracks !== undefined)
    throw broken('#deltaupdates', 'a delta holds fields of a complete catalog');
  const generatedAt = required(root, 'generatedAt', '#deltaupdates', isTime);
  const operations = root.deltaUpdate;
  if (!Array.isArray(operations) || operations.length === 0 || operations.length > MAX_OPERATIONS)
    throw broken('#deltaupdate', 'a delta has 1 to 64 operations');
  let tracks = [...current.tracks];
  for (const operation of operations as readonly unknown[]) {
    if (!isObject(operation)) throw broken('#deltaupdate', 'an operation is not an object');
    for (const entry of trackList(operation.tracks, '#deltaupdate'))
      tracks = applyOperation(tracks, operation.op, entry);
  }
  return { generatedAt, tracks };
}

function applyOperation(tracks: readonly CatalogTrack[], op: unknown, entry: Json): CatalogTrack[] {
  switch (op) {
    case 'add':
      return withTrack(tracks, readTrack(entry), trackKey(entry));
    case 'remove': {
      const key = trackKey(entry);
      return tracks.filter((track) => keyOf(track) !== key);
    }
    case 'clone':
    case 'update': {
      const { parentName, parentNamespace, ...changes } = entry;
      const parentKey = trackKey({ name: parentName, namespace: parentNamespace }, '#parentname');
      const parent = tracks.find((track) => keyOf(track) === parentKey);
      // The parent may be a track of another packaging, which is not kept.
      if (parent === undefined) return [...tracks];
      const merged = { ...trackToJson(parent), ...changes };
      if (op === 'clone') return withTrack(tracks, readTrack(merged), trackKey(merged));
      if (!parent.isLive && merged.isLive === true)
        throw broken('#islive', 'a track that has ended comes back to life');
      const others = tracks.filter((track) => track !== parent);
      return withTrack(others, readTrack(merged), trackKey(merged));
    }
    default:
      throw broken('#deltaupdate', 'an operation is not one of add, remove, clone, update');
  }
}

function withTrack(
  tracks: readonly CatalogTrack[],
  track: CatalogTrack | undefined,
  key: string,
): CatalogTrack[] {
  if (tracks.some((other) => keyOf(other) === key))
    throw broken('#deltaupdate', 'a track with that name is there already');
  if (track === undefined) return [...tracks];
  if (tracks.length >= MAX_CATALOG_TRACKS) throw broken('#tracks', 'there are too many tracks');
  return [...tracks, track];
}

/** Parses a catalog as JSON. Its size is bounded here, each field where it is read. */
function parse(bytes: Uint8Array): Json {
  if (bytes.length > MAX_CATALOG_BYTES) throw broken('#catalog', 'the catalog is too long');
  const text = decodeUtf8(bytes);
  if (text === undefined) throw broken('#catalog', 'the catalog is not UTF-8');
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    throw broken('#catalog', 'the catalog is not JSON');
  }
  if (!isObject(root)) throw broken('#catalog', 'the catalog is not a JSON object');
  return root;
}

function trackList(value: unknown, anchor: string): readonly Json[] {
  if (!Array.isArray(value)) throw broken(anchor, 'tracks is not an array');
  if (value.length > MAX_CATALOG_TRACKS) throw broken(anchor, 'there are too many tracks');
  const entries = value as readonly unknown[];
  if (!entries.every(isObject)) throw broken(anchor, 'a track is not an object');
  return entries;
}

/** Names are unique per namespace; the separator occurs in neither, as both are encoded text. */
function trackKey(json: Json, anchor = '#trackname'): string {
  const name = required(json, 'name', anchor, isText);
  return `${optional(json, 'namespace', '#tracknamespace', isText) ?? ''}\n${name}`;
}

function keyOf(track: CatalogTrack): string {
  return `${track.namespace ?? ''}\n${track.name}`;
}

function required<Value>(
  json: Json,
  field: string,
  anchor: string,
  fits: (value: unknown) => value is Value,
): Value {
  const value = json[field];
  if (!fits(value)) throw broken(anchor, `${field} is missing or not as it must be`);
  return value;
}

function optional<Value>(
  json: Json,
  field: string,
  anchor: string,
  fits: (value: unknown) => value is Value,
): Value | undefined {
  return json[field] === undefined ? undefined : required(json, field, anchor, fits);
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_STRING && !value.includes('\n');
const within =
  (least: number, most: number) =>
  (value: unknown): value is number =>
    typeof value === 'number' && value >= least && value <= most;
const isTime = within(0, Number.MAX_SAFE_INTEGER);
const isPositive = within(1, 1e9);
const isSide = within(1, 16_384);
const isFramerate = within(1, 240);
const isSampleRate = within(8_000, 384_000);
const isIndex = (value: unknown): value is number => Number.isSafeInteger(value);
const isChannelCount = (value: unknown): value is string => isText(value) && /^[1-8]$/.test(value);

function broken(anchor: string, detail: string): PeerViolation {
  return new PeerViolation(PROTOCOL_VIOLATION, `msf-01${anchor}`, detail);
}
