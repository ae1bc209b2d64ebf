/** A counter has signed two lines: whoever is in one of them, and sees somebody of the other at the relay, has to know. */
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import type { SimulatedPerson } from '../harness/simulation/simulated-person.ts';
import type { WatchedMeeting } from './watched-meeting.ts';

/** In which both sides are told, once all reach the relay; and where that helps to split the meeting and a second one tells, on which heads are said again. */
const TOLD_MS = 60_000;
const TOLD_BY_SECOND_MS = 200_000;

/** Lets time pass, and looks: those whose histories part are told, and send nothing any more. */
export function checkForks(world: WatchedMeeting, present: () => readonly SimulatedPerson[]): void {
  const limit = world.isKeptApart ? TOLD_BY_SECOND_MS : TOLD_MS;
  if (!world.comes(() => untold(present()).length === 0, limit))
    for (const { name } of untold(present())) world.fault(`${name} is not told that the meeting was split`);
  for (const { name, view } of present())
    if (view.fork !== undefined && view.sending.microphone)
      world.fault(`${name} goes on sending though the meeting was split`);
}

/** Whoever is in another line than somebody with whom it once was in one epoch, and does not know. */
function untold(people: readonly SimulatedPerson[]): readonly SimulatedPerson[] {
  const lines = people.map((person) => ({ person, line: lineOf(person) }));
  return lines.flatMap(({ person, line }) =>
    person.view.fork === undefined && lines.some(({ line: other }) => areParted(line, other)) ? [person] : [],
  );
}

/** The security codes of the epochs that somebody was in, of the group that it is in. */
function lineOf({ group, view }: SimulatedPerson): ReadonlyMap<string, string> {
  if (group === undefined) return new Map();
  const name = encodeHex(group.group);
  return new Map(
    view.history.flatMap((each) =>
      encodeHex(each.group) === name ? [[`${name}/${String(each.epoch)}`, each.securityCode] as const] : [],
    ),
  );
}

function areParted(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  const shared = [...one].flatMap(([epoch, code]) => {
    const theirs = other.get(epoch);
    return theirs === undefined ? [] : [theirs === code];
  });
  return shared.includes(true) && shared.includes(false);
}
