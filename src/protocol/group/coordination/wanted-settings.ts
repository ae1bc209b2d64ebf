/** What a person here wants of the meeting's settings, until a Commit has done it. */
import { encodeHex } from '../../bytes/hex.ts';
import type { Millis } from '../../units.ts';
import { MAX_ORGANISERS, sameSettings } from '../meeting-parameters.ts';
import type { Admission, MeetingSettings } from '../meeting-parameters.ts';
import type { Fingerprint } from '../names.ts';
import type { Member } from '../roster.ts';
import { earliest } from './timing.ts';

interface WantedRole {
  readonly fingerprint: Fingerprint;
  readonly isOrganiser: boolean;
  readonly since: Millis;
}

/** The wishes of one person. */
export class WantedSettings {
  #admission: { readonly to: Admission; readonly since: Millis } | undefined;
  /** By fingerprint; in the order of the wishes. */
  readonly #roles = new Map<string, WantedRole>();

  admission(to: Admission, now: Millis): void {
    this.#admission = { to, since: now };
  }

  /** @param isOrganiser - whether the member is to be one. */
  organiser(fingerprint: Fingerprint, isOrganiser: boolean, now: Millis): void {
    this.#roles.set(encodeHex(fingerprint), { fingerprint, isOrganiser, since: now });
  }

  /** Somebody is to be kicked, which closes the door: it is not opened for a wish of before. */
  kicking(): void {
    if (this.#admission?.to === 'open') this.#admission = undefined;
  }

  /** Since when something has been wanted. */
  get since(): Millis | undefined {
    return earliest(this.#admission?.since, ...[...this.#roles.values()].map(({ since }) => since));
  }

  /** The settings that are wanted; undefined when they are those that there are. */
  after(settings: MeetingSettings, roster: readonly Member[]): MeetingSettings | undefined {
    const wanted = this.#applied(settings, roster);
    return sameSettings(wanted, settings) ? undefined : wanted;
  }

  /** Drops what is as it was wanted, and what was wanted for somebody who is gone. */
  settle(settings: MeetingSettings, roster: readonly Member[]): void {
    const present = new Set(roster.map(({ fingerprint }) => encodeHex(fingerprint)));
    if (this.#admission?.to === settings.admission) this.#admission = undefined;
    const organisers = new Set(settings.organisers.map((each) => encodeHex(each)));
    for (const [key, { isOrganiser }] of this.#roles) {
      if (organisers.has(key) === isOrganiser || (isOrganiser && !present.has(key))) this.#roles.delete(key);
    }
  }

  /** Drops everything. @returns whether there was anything. */
  clear(): boolean {
    const had = this.since !== undefined;
    this.#admission = undefined;
    this.#roles.clear();
    return had;
  }

  #applied(settings: MeetingSettings, roster: readonly Member[]): MeetingSettings {
    const organisers = new Map(settings.organisers.map((each) => [encodeHex(each), each]));
    const present = new Set(roster.map(({ fingerprint }) => encodeHex(fingerprint)));
    for (const [key, { fingerprint, isOrganiser }] of this.#roles) {
      if (!isOrganiser) organisers.delete(key);
      else if (present.has(key)) {
        // The oldest of those who are gone makes room.
        const gone = [...organisers.keys()].find((each) => !present.has(each));
        if (organisers.size >= MAX_ORGANISERS && gone !== undefined) organisers.delete(gone);
        organisers.set(key, fingerprint);
      }
    }
    return { admission: this.#admission?.to ?? settings.admission, organisers: [...organisers.values()] };
  }
}
