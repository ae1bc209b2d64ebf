// @ts-check
/**
 * What is checked of the model in `docs/model`: with all defences in place no property fails, and without one of them the
 * property that is named for it does. Bounds are in the models; a run may set others.
 */

/**
 * One search through all states.
 * @typedef {{
 *   model: 'commit' | 'join' | 'generations',
 *   title: string,
 *   defines?: readonly string[],
 * }} Run
 *
 * A run without a defence. `fails`: the property of which a counterexample is to be found; `progress` is a formula, the others are
 * asserted.
 * @typedef {Run & {fails: string}} BrokenRun
 */

const JOIN_PROGRESS = ['PROGRESS', 'PACKAGES=6', 'FAILURES=1', 'UPDATES=0'];
const COMMIT_PROGRESS = ['PROGRESS', 'FAILURES=1'];

/** @type {readonly Run[]} */
export const intact = [
  { model: 'commit', title: 'against a removed member' },
  { model: 'commit', title: 'against a member', defines: ['INSIDER'] },
  { model: 'commit', title: 'with a restored backup', defines: ['BACKUP', 'FAILURES=1'] },
  { model: 'commit', title: 'with a restored counter', defines: ['RESTORED', 'FAILURES=0'] },
  { model: 'commit', title: 'progress', defines: COMMIT_PROGRESS },
  { model: 'join', title: 'against relay and kicked member' },
  { model: 'join', title: 'against relay and counter together', defines: ['COUNTER_SIDES'] },
  { model: 'join', title: 'KeyPackages as first designed (ADR 13)', defines: ['AS_WRITTEN'] },
  { model: 'join', title: 'progress', defines: JOIN_PROGRESS },
  { model: 'generations', title: 'against a kicked member' },
  { model: 'generations', title: 'progress, people fail', defines: ['PROGRESS', 'FAILURES=2', 'MISCHIEF=1'] },
  {
    model: 'generations',
    title: 'progress, a link-holder interferes',
    defines: ['PROGRESS', 'FAILURES=1', 'MISCHIEF=2'],
  },
];

/** @type {readonly BrokenRun[]} */
export const broken = [
  without('commit', 'NO_EPOCH_KEY', 'members_commit'),
  without('commit', 'NO_TOKEN', 'place'),
  without('commit', 'NO_RECEIPT', 'one_line'),
  without('commit', 'NO_RECEIPT', 'inside'),
  without('commit', 'NO_NEXT_KEY', 'own_counter', ['INSIDER']),
  without('commit', 'NO_OWN_CHECK', 'own_counter', ['INSIDER']),
  without('commit', 'NO_BLAME_RULE', 'blame', ['INSIDER']),
  without('commit', 'NO_OWN_LOST', 'no_false_alarm', ['BACKUP', 'FAILURES=1']),
  without('commit', 'NO_RECOVERY', 'one_line', ['RESTORED', 'FAILURES=0']),
  without('commit', 'NO_RECOVERY', 'inside', ['RESTORED', 'FAILURES=0']),
  without('commit', 'NO_SAVED_STAGE', 'stays'),
  without('commit', 'NO_STORED_COMMIT', 'progress', COMMIT_PROGRESS),
  without('join', 'NO_PSK', 'secret', ['COUNTER_SIDES']),
  without('join', 'NO_RECEIPT', 'line'),
  without('join', 'NO_PROOF', 'asked'),
  without('join', 'NO_KICKED_KEYS', 'kicked'),
  without('join', 'NO_AS_OF', 'once'),
  without('join', 'NO_CAME', 'evicted'),
  without('join', 'NO_LATEST', 'evicted'),
  without('join', 'NO_WENT', 'ghost'),
  without('join', 'NO_WENT', 'once'),
  without('join', 'NO_FIRST', 'outlived'),
  without('join', 'NO_REFRESH', 'progress', JOIN_PROGRESS),
  without('join', 'NO_VANISHED', 'progress', JOIN_PROGRESS),
  without('join', 'NO_USED_ONCE', 'once', ['AS_WRITTEN']),
  without('join', 'AS_WRITTEN', 'evicted'),
  without('join', 'AS_WRITTEN', 'ghost'),
  without('generations', 'NO_ROOM_KEY', 'invited'),
  without('generations', 'NO_EPOCH_KEY', 'by_members'),
  without('generations', 'NO_LEASE', 'opening'),
  without('generations', 'NO_LEASE_END', 'progress', ['PROGRESS', 'FAILURES=1', 'MISCHIEF=0']),
  without('generations', 'NO_GENESIS_CHECK', 'opening'),
  without('generations', 'NO_410', 'buried_stays'),
  without('generations', 'NO_410_FOR_COMMITS', 'buried_stays'),
  without('generations', 'NO_CARRY', 'kicked'),
  // No defence is missing: what cannot be had (ADR 14).
  without('generations', 'LIMIT', 'living'),
];

/**
 * @param {Run['model']} model
 * @param {string} change the switch
 * @param {string} fails
 * @param {readonly string[]} [defines]
 * @returns {BrokenRun}
 */
function without(model, change, fails, defines = []) {
  return { model, title: `${change} breaks ${fails}`, defines: [change, ...defines], fails };
}
