// @ts-check
/**
 * The defences that can be taken out, one at a time, and what is to notice: a schedule of the simulation or, where what a
 * simulation has instead would not notice (MLS without cryptography) or chance finds it late, a test.
 */

/**
 * @typedef {object} Defence
 * @property {string} name
 * @property {string} what it does
 * @property {string} file where it is
 * @property {string} code of it, which is there once
 * @property {string} instead of that code
 * @property {number} [schedules] from seed 1, or `seed`, among which one breaks
 * @property {number} [seed] where what the defence is against is only in later ones
 * @property {{file: string, name: string}} [test] that fails; where there is none, a schedule does
 */

/** @type {readonly Defence[]} */
export const defences = [
  {
    name: 'epoch-key',
    what: 'the counter takes calls about a group from members of the epoch reached last alone',
    file: 'src/protocol/counter/rules.ts',
    code: "return nextKey === undefined ? proof('room', home.room) : proof('epoch', nextKey);",
    instead: "return nextKey === undefined ? proof('room', home.room) : true;",
    schedules: 200,
  },
  {
    name: 'lease',
    what: 'no generation begins while one is alive',
    file: 'src/protocol/counter/room.ts',
    code: "if (left > 0) return { kind: 'alive', retryLaterMs: millis(left) };",
    instead: '',
    schedules: 100,
  },
  {
    name: 'receipt-signature',
    what: 'a receipt counts with the signature of the counter alone',
    file: 'src/protocol/counter/receipt.ts',
    code: "return signatureHolds ? { kind: 'valid', receipt } : { kind: 'bad-signature' };",
    instead: "return { kind: 'valid', receipt };",
    schedules: 100,
  },
  {
    name: 'pass',
    what: 'the relay lets nobody read or write who was not invited',
    file: 'src/services/relay/pass-access.ts',
    code: 'return refusal;\n  }\n\n  #judge',
    instead: 'return undefined;\n  }\n\n  #judge',
    schedules: 100,
  },
  {
    name: 'replay-window',
    what: 'an object is opened once',
    file: 'src/protocol/secure-objects/track-opener.ts',
    code: '!this.#window.isNew(group, object) || ',
    instead: '',
    test: {
      file: 'test/protocol/meeting/remote-member.test.ts',
      name: 'recorded media that the relay offers again under the same name plays no second time',
    },
  },
  {
    name: 'kicked-keys',
    what: 'a removal for good bars the key in the Commit that removes',
    file: 'src/protocol/group/coordination/pending-work.ts',
    code: 'if (isKicked && fits) kicks.push(signatureKey);',
    instead: 'if (isKicked && fits) removals.add(leaf);',
    schedules: 100,
  },
  {
    name: 'kicked-memory',
    what: 'whoever begins a generation begins it with the keys that were kicked before',
    file: 'src/protocol/group/coordination/kicked-keys.ts',
    code: 'kickedKeys: newest([...kickedKeys, ...others]),',
    instead: 'kickedKeys,',
    test: {
      file: 'test/protocol/group/seeking.test.ts',
      name: 'it begins with the keys that are remembered as kicked',
    },
  },
  {
    name: 'removal-overlap',
    what: 'what is sealed under keys of before a removal is opened for a moment alone',
    file: 'src/protocol/meeting/meeting-keys.ts',
    code: 'if (removal === undefined) return DEFAULT_OVERLAP;',
    instead: 'if (removal?.roundTrip !== millis(-1)) return DEFAULT_OVERLAP;',
    test: {
      file: 'test/protocol/meeting/remote-member.test.ts',
      name: 'counts for nothing where it was sealed before somebody was removed',
    },
  },
  {
    name: 'escape',
    what: 'a meeting moves by itself to where its changes can be followed',
    file: 'src/protocol/meeting/escapes.ts',
    code: 'const turn = watch.readySince + LISTEN_MS + rank * TURN_MS + watch.jitter;',
    instead: 'const turn = Infinity;',
    seed: 10_001,
    schedules: 100,
  },
  {
    name: 'heads-on-second-relay',
    what: 'heads are said on a second relay, too, in case the first helps to split the meeting',
    file: 'src/protocol/meeting/head-tracks.ts',
    code: 'return [carrying, second].filter((client) => client !== undefined);',
    instead: 'return [carrying].filter((client) => client !== undefined);',
    seed: 10_001,
    schedules: 100,
  },
  {
    name: 'stored-commit',
    what: 'the counter keeps Commits, so that whoever missed one catches up',
    file: 'src/protocol/group/coordination/member-state.ts',
    code: 'if (entry.commit === undefined) return;',
    instead: 'return;',
    schedules: 100,
  },
  {
    name: 'merge-on-receipt',
    what: 'a Commit of ours is merged when the counter has logged it, and is kept staged as long as that is not known',
    file: 'src/protocol/group/coordination/committing.ts',
    code: '// The Commit may have been logged: the lock of the next attempt will tell.',
    instead: 'yield* applyOwnPlain(state);',
    test: { file: 'test/protocol/group/commit-outcomes.test.ts', name: 'an increment' },
  },
  {
    name: 'organiser-check',
    what: 'what organisers decide is refused when a member who is none commits it',
    file: 'src/main/mls/commit-policy.ts',
    code: 'const decides = isOrganiser(group, committer);',
    instead: 'const decides = members.has(committer);',
    test: { file: 'test/main/mls/organisers.test.ts', name: 'by a member who is none' },
  },
  {
    name: 'psk',
    what: 'a joiner takes no Welcome from somebody who was not invited',
    file: 'src/main/mls/invitation-psk.ts',
    code: 'return first !== undefined && others.length === 0 && this.#isOurs(first);',
    instead: 'return true;',
    test: {
      file: 'test/main/mls/commit-policy.test.ts',
      name: 'a Welcome from somebody who was not invited',
    },
  },
  {
    name: 'as-of',
    what: 'a KeyPackage as of an epoch long past lets nobody in',
    file: 'src/main/mls/key-package-check.ts',
    code: "return epoch - asOf > KEY_PACKAGE_EPOCHS ? 'an Add as of an epoch that is long past' : undefined;",
    instead: 'return undefined;',
    test: {
      file: 'test/main/mls/key-package-check.test.ts',
      name: 'is let in for eight epochs after the one that it is as of',
    },
  },
  {
    name: 'past-joins',
    what: 'a member remembers the joins that are over for as long as a KeyPackage of theirs is good',
    file: 'src/protocol/group/coordination/past-joins.ts',
    code: 'this.#past = [...this.#past, ...ended]',
    instead: 'this.#past = []',
    test: {
      file: 'test/simulation/past-joins.test.ts',
      name: 'does not come back by KeyPackages that are repeated',
    },
  },
  {
    name: 'next-key',
    what: 'a Commit counts when it leads to the epoch key that its receipt names',
    file: 'src/protocol/group/coordination/applying.ts',
    code: ' && equal(receipt.nextKey, epoch.nextKey)',
    instead: '',
    test: { file: 'test/protocol/group/applying.test.ts', name: 'that leads to another epoch key' },
  },
  {
    name: 'removal-doubt',
    what: 'whom a Commit removes waits until others are seen to follow it',
    file: 'src/protocol/group/coordination/applying.ts',
    code: 'if (kicked || isReplaced || others.length === 0) return',
    instead: 'if (others.length >= 0) return',
    test: { file: 'test/protocol/meeting/unproven-removal.test.ts', name: 'comes along by itself' },
  },
  {
    name: 'removal-author',
    what: 'whom a Commit removes is not moved by its author',
    file: 'src/protocol/meeting/move-order.ts',
    code: "return movers === 'all' || (movers === 'others' && leaf !== suspect);",
    instead: "return movers !== 'organisers';",
    test: { file: 'test/protocol/meeting/unproven-removal.test.ts', name: 'is drawn nowhere by its author' },
  },
  {
    name: 'removal-witness',
    what: 'a member alone makes whom a Commit removes believe that it has followed',
    file: 'src/protocol/meeting/remote-member.ts',
    code: 'if (this.#confirmation.excludes(time)) return;\n    if (this.#aheadIn',
    instead: 'if (this.#aheadIn',
    test: { file: 'test/protocol/meeting/unproven-removal.test.ts', name: 'nobody but a member itself' },
  },
  {
    name: 'saved-first',
    what: 'a Commit is saved before anything of it is sent',
    file: 'src/protocol/group/coordination/committing.ts',
    code: 'yield* state.save();\n  return stage;',
    instead: 'return stage;',
    test: { file: 'test/protocol/group/saved-first.test.ts', name: 'a Commit rests in the store' },
  },
  {
    name: 'lock-token',
    what: 'the counter moves for the holder of the lock alone',
    file: 'src/protocol/counter/rules.ts',
    code: ' || !sameToken(lock.token, call.token)',
    instead: '',
    test: { file: 'test/protocol/counter/rules.test.ts', name: 'the rules, whatever members and clock do' },
  },
];
