/*
 * Generations of a room: the design, sections 2 and 3 (lease, room, alive, close, 410), ADR 14.
 *
 * Two honest people (0, 1) and one with the link who is kicked sooner or later (2): whatever it does before and after, it keeps the state of each
 * generation that it was in. People are cut off from the service, or sleep, for longer than the lease and for longer than ten minutes; they leave,
 * and they crash without state.
 *
 * That whoever is in the tree can call the service with the epoch's key, and nobody else, is commit.pml's; that who asks is let in, and a kicked key
 * not, is join.pml's. So a generation is its tree here, and a Commit is one step.
 *
 * Switches: NO_ROOM_KEY, NO_EPOCH_KEY, NO_LEASE, NO_LEASE_END, NO_GENESIS_CHECK, NO_410, NO_410_FOR_COMMITS, NO_CARRY. PROGRESS checks the formula `progress`
 * instead of the properties. LIMIT adds the property `living`, which does not hold (ADR 14).
 */
#include "properties.pml"

#define opening 1
#define invited 2
#define by_members 3
#define buried_stays 4
#define kicked 5
#define living 6

#define HONEST 2
#define EVIL 2
#define OUTSIDER 3
#define GENERATIONS 3
/* Honest people who are cut off, leave, crash or stall past the lock, together. */
#ifndef FAILURES
#define FAILURES 2
#endif
/* What the adversary does at the service, or as a member. */
#ifndef MISCHIEF
#define MISCHIEF 5
#endif
#define NOBODY 255
#define NONE 255

/* ── The service: generations that began, are alive, and never come back. */
byte next = 0;
bit alive[GENERATIONS];
bit buried[GENERATIONS];
/* Silent for ten minutes after a later one had begun, whatever the service makes of it. */
bit silent[GENERATIONS];
/* Who has the lock at 0 of `next`. */
byte creator = NOBODY;

/* ── Trees. */
byte tree[GENERATIONS];
bit hasKicked[GENERATIONS];

/* ── People. */
byte at[HONEST] = NONE;
bit cut[HONEST];
/* Knows that EVIL's key was kicked in this room. */
bit knows[HONEST];
bit everKicked = 0;

byte failures = FAILURES;
byte mischief = MISCHIEF;

#define LOWEST (alive[0] -> 0 : (alive[1] -> 1 : (alive[2] -> 2 : NONE)))

#define HERE(p, g) (at[p] == (g) && !cut[p])
/* An honest member of g who can be reached. */
#define HOSTED(g) (HERE(0, g) || HERE(1, g))
/* The others of g, or EVIL, let p in. */
#define ADMITTED(p, g) (((p) != 0 && HERE(0, g)) || ((p) != 1 && HERE(1, g)) || IN(tree[g], EVIL))

#ifdef NO_LEASE
/* The first version: whoever hears nothing for 30 s opens the next one. */
#define MAY_OPEN true
#else
#define MAY_OPEN (LOWEST == NONE)
#endif
#ifdef NO_GENESIS_CHECK
#define MAY_BEGIN true
#else
/* ADR 14: the increment at 0 looks again. */
#define MAY_BEGIN MAY_OPEN
#endif
#ifdef NO_EPOCH_KEY
#define SIGNS(p, g) true
#else
#define SIGNS(p, g) IN(tree[g], p)
#endif
#ifdef NO_CARRY
#define ACCEPTABLE(p, g) true
#else
/* ADR 14: who knows a key as kicked in this room joins no group that has it. */
#define ACCEPTABLE(p, g) (!knows[p] || !IN(tree[g], EVIL))
#endif
#ifdef NO_410
#define BURY(g)
#else
#define BURY(g) buried[g] = 1;
#endif

/* Locks and increments renew, too; so 410 is for them as for /alive. */
#ifdef NO_410_FOR_COMMITS
#define COMMITS(g) true
#else
#define COMMITS(g) (!buried[g])
#endif

/* Section 3, `POST /increment` at 0; seeking.ts, create and finish. */
inline begin(p, carried) {
  ALWAYS(opening, LOWEST == NONE);
  ALWAYS(invited, p != OUTSIDER);
  alive[next] = 1;
  tree[next] = BIT(p);
  hasKicked[next] = carried;
  next++;
  creator = NOBODY
}

/* Section 3, `POST /alive`: renews the lease. */
inline renew(p, g) {
  ALWAYS(by_members, IN(tree[g], p));
  alive[g] = 1
}

/* joining.ts, #open, and committing.ts at the one who lets it in. */
inline join(p, g) {
  tree[g] = tree[g] | BIT(p);
  at[p] = g;
  knows[p] = knows[p] || hasKicked[g]
}

/* Leaves, crashes without state, or is a newcomer again. */
inline drop(p) {
  at[p] = NONE
}

#ifdef PROGRESS
/* Kicks are nobody's duty. */
#define MAY_KICK (failures > 0)
#else
#define MAY_KICK true
#endif

/*
 * ADR 14: who is shown a Commit that lets somebody in whom it knows as kicked does not apply it, and leaves; also where it learns that later, when it
 * is back.
 */
inline refuse(p) {
#ifndef NO_CARRY
  if
  :: at[p] != NONE && !cut[p] && knows[p] && IN(tree[at[p]], EVIL) -> drop(p)
  :: else
  fi
#else
  skip
#endif
}

proctype Person(byte p) {
  byte g;

end:
  do
  /* Sections 2 and 3: room, then lock at 0 (seeking.ts, seek). */
  :: atomic { at[p] == NONE && !cut[p] && MAY_OPEN && next < GENERATIONS && creator == NOBODY -> creator = p }
  :: atomic {
      at[p] == NONE && !cut[p] && creator == p ->
      if
      :: MAY_BEGIN ->
        at[p] = next;
#ifdef NO_CARRY
        begin(p, 0)
#else
        begin(p, knows[p])
#endif
      :: !MAY_BEGIN -> creator = NOBODY
      fi
    }
  /* Section 3: a joiner goes to the lowest generation that is alive (joining.ts). Whether it knows somebody there as kicked, the tree tells. */
  :: atomic {
      at[p] == NONE && !cut[p] && creator != p && LOWEST != NONE && ADMITTED(p, LOWEST) && ACCEPTABLE(p, LOWEST) ->
      g = LOWEST;
      join(p, g);
      g = 0
    }
  /* Section 3: a member of a higher one is told, and joins the lower one. */
  :: atomic {
      at[p] != NONE && !cut[p] && LOWEST < at[p] && ADMITTED(p, LOWEST) && ACCEPTABLE(p, LOWEST) ->
      g = LOWEST;
      join(p, g);
      g = 0
    }
  /* Back from being cut off: 410, removed meanwhile, or the lease is renewed. */
  :: atomic {
      at[p] != NONE && !cut[p] && (buried[at[p]] || !IN(tree[at[p]], p) || !alive[at[p]]) ->
      g = at[p];
      if
      :: buried[g] || !IN(tree[g], p) -> drop(p)
      :: else -> renew(p, g)
      fi;
      g = 0
    }
  :: atomic { at[p] != NONE && !cut[p] && !knows[p] && hasKicked[at[p]] -> knows[p] = 1 }
  /* Section 5: a kick; all who are there see it. Others learn it when they are back. */
  :: atomic {
      at[p] != NONE && !cut[p] && IN(tree[at[p]], EVIL) && IN(tree[at[p]], p) && COMMITS(at[p]) && MAY_KICK ->
      g = at[p];
      tree[g] = tree[g] - BIT(EVIL);
      hasKicked[g] = 1;
      everKicked = 1;
      knows[p] = 1;
      alive[g] = 1;
      g = 0
    }
  /* pending-work.ts: who vanished, left, or went to another generation is removed. */
  :: atomic {
      at[p] != NONE && !cut[p] && COMMITS(at[p]) && IN(tree[at[p]], p) && IN(tree[at[p]], 1 - p) && (cut[1 - p] || at[1 - p] != at[p]) ->
      tree[at[p]] = tree[at[p]] - BIT(1 - p);
      alive[at[p]] = 1
    }
  /* Section 3, `POST /close`, by the last one; any other just leaves. */
  :: atomic {
      at[p] != NONE && !cut[p] && failures > 0 ->
      failures--;
      if
      :: tree[at[p]] == BIT(p) -> alive[at[p]] = 0
      :: else
      fi;
      drop(p)
    }
  /* A crash without state: a guest knows nothing any more, and nobody closes. */
  :: atomic { at[p] != NONE && failures > 0 -> failures--; knows[p] = 0; drop(p) }
  /* Cut off, or asleep, for as long as it takes; and back. */
  :: atomic { !cut[p] && failures > 0 -> failures--; cut[p] = 1 }
  :: atomic { cut[p] -> cut[p] = 0; refuse(p) }
  od
}

#define LAPSE(g) \
  :: atomic { g < next && alive[g] && !HOSTED(g) -> alive[g] = 0 }
#define TEN_MINUTES(g) \
  :: atomic { g + 1 < next && !alive[g] && !silent[g] -> silent[g] = 1; BURY(g) }

/* Time: leases end, ten minutes pass, locks expire. Where a member can be reached, it renews in time: section 3, "in leaf order with take-over". */
active proctype Time() {
end:
  do
#ifndef NO_LEASE_END
  LAPSE(0)
  LAPSE(1)
  LAPSE(2)
#endif
  TEN_MINUTES(0)
  TEN_MINUTES(1)
  :: atomic { creator == EVIL || creator == OUTSIDER || (creator < HONEST && cut[creator]) -> creator = NOBODY }
  :: atomic { creator < HONEST && failures > 0 -> failures--; creator = NOBODY }
  od
}

#ifdef NO_CARRY
#define LETS_IN(p, g) HERE(p, g)
#else
#define LETS_IN(p, g) (HERE(p, g) && !knows[p])
#endif

/* Has the link, and all state that it ever had. */
#define AS_MEMBER(g) \
  :: atomic { mischief > 0 && g < next && !buried[g] && !alive[g] && SIGNS(EVIL, g) -> mischief--; renew(EVIL, g) } \
  :: atomic { mischief > 0 && g < next && alive[g] && SIGNS(EVIL, g) -> mischief--; alive[g] = 0 } \
  :: atomic { \
      mischief > 0 && g < next && alive[g] && !IN(tree[g], EVIL) && !hasKicked[g] && (LETS_IN(0, g) || LETS_IN(1, g)) -> \
      mischief--; tree[g] = tree[g] | BIT(EVIL); refuse(0); refuse(1) \
    }

proctype Adversary() {
end:
  do
  :: atomic { mischief > 0 && MAY_OPEN && next < GENERATIONS && creator == NOBODY -> mischief--; creator = EVIL }
  :: atomic { mischief > 0 && creator == EVIL && MAY_BEGIN -> mischief--; begin(EVIL, 0) }
#ifdef NO_ROOM_KEY
  :: atomic { mischief > 0 && MAY_OPEN && next < GENERATIONS && creator == NOBODY -> mischief--; creator = OUTSIDER }
  :: atomic { mischief > 0 && creator == OUTSIDER && MAY_BEGIN -> mischief--; begin(OUTSIDER, 0) }
#endif
  AS_MEMBER(0)
  AS_MEMBER(1)
  AS_MEMBER(2)
  od
}

init {
  atomic {
    run Person(0);
    run Person(1);
    run Adversary()
  }
}

#define TOGETHER_WITH_KICKED(p) (at[p] != NONE && !cut[p] && knows[p] && IN(tree[at[p]], p) && IN(tree[at[p]], EVIL))

#ifdef PROGRESS
/* In the lowest that is alive, or away from everybody it knows as kicked: then it moves the meeting. */
#define FIRST_ALIVE(g) ((g == 0 || !alive[0]) && (g != 2 || !alive[1]) && alive[g])
#define ARRIVED_AT(p, g) (FIRST_ALIVE(g) && at[p] == g && IN(tree[g], p))
#define ARRIVED(p) (ARRIVED_AT(p, 0) || ARRIVED_AT(p, 1) || ARRIVED_AT(p, 2))
#define REFUSES_AT(p, g) (FIRST_ALIVE(g) && IN(tree[g], EVIL))
#define REFUSES(p) (knows[p] && (REFUSES_AT(p, 0) || REFUSES_AT(p, 1) || REFUSES_AT(p, 2)))
ltl progress { <> [] ((ARRIVED(0) || REFUSES(0)) && (ARRIVED(1) || REFUSES(1))) }
#else
active proctype Monitor() {
end:
  do
  IN_EVERY_STATE(kicked, !TOGETHER_WITH_KICKED(0) && !TOGETHER_WITH_KICKED(1))
  IN_EVERY_STATE(buried_stays, !(silent[0] && alive[0]) && !(silent[1] && alive[1]))
#ifdef LIMIT
  IN_EVERY_STATE(living, !everKicked || LOWEST == NONE || !IN(tree[LOWEST], EVIL))
#endif
  od
}
#endif
