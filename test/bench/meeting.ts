/**
 * Joining and leaving a meeting of real engines through real services: from the click to the first opened frame, and from a
 * good-bye to the last object that is sealed with the old key. No windows: capture, encoding and painting are not in it.
 */
import { startServices } from '../harness/meeting/services.ts';
import { median, rounded, type Figure, type Say } from './figure.ts';
import { CROWD, meetingTrial, type MeetingTrial } from './meeting-trial.ts';

const ROUNDS = 5;
/** DAVE lets a leaver read for about two seconds; the goal is a quarter of it. */
const LEAVE_GOAL_MS = 500;
/** Of one core; a meeting of 25 must leave room for the encoders. */
const CPU_GOAL = 50;

/** Measures; takes about two minutes. */
export async function meetingFigures(say: Say): Promise<Figure[]> {
  const services = await startServices();
  const trials: MeetingTrial[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      say(`meeting: round ${String(round + 1)} of ${String(ROUNDS)}`);
      trials.push(await meetingTrial(services));
    }
  } finally {
    await services.close();
  }
  const of = (key: keyof MeetingTrial): number => median(trials.map((trial) => trial[key]));
  const [join, membership, leave, cpu] = [of('join'), of('membership'), of('leave'), of('cpu')];
  return [
    {
      name: 'join click to first opened frame',
      value: rounded(join),
      unit: 'ms',
      against: `${String(rounded(membership))} ms until member`,
      goal: '≤ 1.25 × until member',
      met: join <= 1.25 * membership,
    },
    {
      name: 'leave to the last object under the old key',
      value: rounded(leave),
      unit: 'ms',
      against: 'DAVE, about 2,000 ms by its document',
      goal: `≤ ${String(LEAVE_GOAL_MS)}`,
      met: leave <= LEAVE_GOAL_MS,
    },
    {
      name: `CPU time of a member's engine, ${String(CROWD)} that speak and show`,
      value: rounded(cpu),
      unit: 'ms per s',
      against: 'one core',
      goal: `≤ ${String(CPU_GOAL)}`,
      met: cpu <= CPU_GOAL,
    },
  ];
}
