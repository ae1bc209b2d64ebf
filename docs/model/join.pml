/*
 * Joining: the design, sections 1 and 2, ADR 13; kicks of section 5.
 *
 * Three people of one generation: 0 made the group; 1 and 2 come, leave, crash without state and come again. The line of Commits is that of
 * commit.pml, so that a Commit is one step here. The relay is the adversary's: it delivers each KeyPackage and each Welcome when it likes, as often as
 * it likes, or never. It has no secret of the invitation and makes groups of its own; with -DCOUNTER_SIDES the service signs whatever it wants.
 * Person 2 may be kicked; then it is an adversary with the link (and the keys of what it was in).
 *
 * -DAS_WRITTEN: KeyPackages as section 2 of the design first had them, instead of ADR 13. Of the properties `evicted`, `ghost` and `outlived` it has none.
 *
 * Switches: NO_PSK, NO_RECEIPT, NO_PROOF, NO_KICKED_KEYS, NO_AS_OF, NO_CAME, NO_WENT, NO_FIRST, NO_LATEST, NO_REFRESH, NO_VANISHED; with AS_WRITTEN
 * also NO_USED_ONCE. PROGRESS checks the formula `progress` instead of the properties.
 */
#include "properties.pml"

#define once 1
#define evicted 2
#define ghost 3
#define secret 4
#define line 5
#define asked 6
#define kicked 7
#define outlived 8

#define PEOPLE 3
#define EVIL 2
#define RELAY 3
/* KeyPackages that are made, together. */
#ifndef PACKAGES
#define PACKAGES 3
#endif
/* Section 2 has 8 epochs; what matters are its edges. */
#ifndef WINDOW
#define WINDOW 2
#endif
/* Commits that only change keys, and people who leave, crash, lose a Welcome or are kicked. */
#ifndef UPDATES
#define UPDATES 1
#endif
#ifndef FAILURES
#define FAILURES 2
#endif

/* ── The line: the epoch, and the tree. */
byte n = 0;
bit leaf[PEOPLE + 1];
/* Epochs in which the leaf came in, and went. */
byte came[PEOPLE + 1];
byte went[PEOPLE + 1];
byte leafAsOf[PEOPLE + 1];
bit kickedKey = 0;

/* ── KeyPackages, for all to see. */
byte packages = 0;
byte owner[PACKAGES + 1];
byte asOf[PACKAGES + 1];
bit used[PACKAGES + 1];
byte usedAt[PACKAGES + 1];
/* Made before its owner became a member: it must not count any more. */
bit stale[PACKAGES + 1];

/* ── Clients. */
bit wants[PEOPLE];
bit live[PEOPLE];
/* First epoch of one's own membership. */
byte first[PEOPLE];
/* as_of of the newest KeyPackage of this join, plus one; 0: none. */
byte latest[PEOPLE];
/* The epoch that the Welcome on its way begins; 0: none. */
byte welcome[PEOPLE];

byte updates = UPDATES;
byte failures = FAILURES;

#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Section 1: the join proof; invitation-proof.ts. */
#ifdef NO_PROOF
#define PROVEN(k) true
#else
#define PROVEN(k) (owner[k] != RELAY)
#endif
/* Section 5; pending-work.ts, plan; main/mls/policy. */
#ifdef NO_KICKED_KEYS
#define BARRED(k) false
#else
#define BARRED(k) (kickedKey && owner[k] == EVIL)
#endif

#ifdef NO_AS_OF
#define IN_WINDOW(k) true
#else
#define IN_WINDOW(k) (asOf[k] <= n && n - asOf[k] <= WINDOW)
#endif
#ifdef NO_FIRST
#define SINCE_FIRST(m, k) true
#else
#define SINCE_FIRST(m, k) (asOf[k] >= first[m])
#endif

#ifdef AS_WRITTEN
/* Section 2, "A KeyPackage is used once". A member knows what was used since its own membership began. */
#ifdef NO_USED_ONCE
#define UNUSED(m, k) true
#else
#define UNUSED(m, k) !(used[k] && usedAt[k] >= first[m] && n - usedAt[k] <= WINDOW)
#endif
#define FRESH(m, k) (UNUSED(m, k) && (!leaf[owner[k]] || asOf[k] > leafAsOf[owner[k]]))
#else
/*
 * ADR 13: made later than the leaf of that key came in, and not before it went. Of a leaf that was there before us we know only that; of one
 * that went longer ago than the window, nothing.
 */
#ifdef NO_CAME
#define AFTER_CAME(m, k) true
#else
#define AFTER_CAME(m, k) (!leaf[owner[k]] || asOf[k] > MAX(came[owner[k]], first[m]))
#endif
#ifdef NO_WENT
#define AFTER_WENT(m, k) true
#else
#define AFTER_WENT(m, k) (leaf[owner[k]] || went[owner[k]] < first[m] || went[owner[k]] + WINDOW <= n || asOf[k] >= went[owner[k]])
#endif
#define FRESH(m, k) (AFTER_CAME(m, k) && AFTER_WENT(m, k))
#endif

#define TAKES(m, k) (owner[k] != m && PROVEN(k) && !BARRED(k) && IN_WINDOW(k) && SINCE_FIRST(m, k) && FRESH(m, k))

/* Section 2, "The PSK". */
#ifdef NO_PSK
#define NAMES_PSK(maker) true
#else
#define NAMES_PSK(maker) (maker != RELAY)
#endif
/* Section 4; joining.ts, #open: the receipt is about the state to which the Welcome leads. */
#if defined(NO_RECEIPT) || defined(COUNTER_SIDES)
#define FORGED_RECEIPT true
#else
#define FORGED_RECEIPT false
#endif

/* Who left is removed; so is, after a grace, a member of which nothing is heard (pending-work.ts). */
#ifdef NO_VANISHED
#define VANISHED(q) false
#else
#define VANISHED(q) true
#endif
/* It is, too early, when its Welcome takes too long. */
#define REMOVE(q) \
  :: atomic { live[p] && q != p && leaf[q] && !live[q] && (!wants[q] || (VANISHED(q) && welcome[q] == 0)) -> remove(q); n++ } \
  :: atomic { live[p] && q != p && leaf[q] && !live[q] && wants[q] && welcome[q] != 0 && failures > 0 -> failures--; remove(q); n++ }
#define TAKE(number) \
  :: atomic { live[p] && number <= packages && TAKES(p, number) -> add(number) }

/* Whoever leaves or is kicked for good does not have to come in. */
#ifdef PROGRESS
#define MAY_KICK false
#define MAY_LEAVE false
#else
#define MAY_KICK true
#define MAY_LEAVE true
#endif

#define ASKS(p) (wants[p] && !live[p] && packages < PACKAGES && (p != EVIL || !kickedKey))
inline ask(p) {
  packages++;
  owner[packages] = p;
  asOf[packages] = n;
  latest[p] = n + 1
}

inline forget(p) {
  welcome[p] = 0;
  latest[p] = 0
}

/* A leaf goes; a client that was a member by it is none any more, and wants to be again. */
inline remove(p) {
  leaf[p] = 0;
  came[p] = 0;
  leafAsOf[p] = 0;
  went[p] = n + 1;
  if
  :: p < PEOPLE && live[p] -> live[p] = 0; first[p] = 0; wants[p] = 1
  :: else
  fi
}

/* committing.ts: a Commit with an Add, and a Remove of the leaf that it replaces; the Welcome goes out. */
inline add(k) {
  ALWAYS(once, !used[k]);
  ALWAYS(asked, owner[k] != RELAY);
  ALWAYS(kicked, !(kickedKey && owner[k] == EVIL));
#if !defined(AS_WRITTEN) || defined(ONLY)
  ALWAYS(evicted, owner[k] >= PEOPLE || !live[owner[k]]);
  ALWAYS(ghost, owner[k] >= PEOPLE || !stale[k] || wants[owner[k]]);
  ALWAYS(outlived, !stale[k]);
#endif
  used[k] = 1;
  usedAt[k] = n;
  n++;
  leaf[owner[k]] = 1;
  came[owner[k]] = n;
  went[owner[k]] = 0;
  leafAsOf[owner[k]] = asOf[k];
  if
  :: owner[k] < PEOPLE ->
    if
    :: live[owner[k]] -> live[owner[k]] = 0; first[owner[k]] = 0; wants[owner[k]] = 1
    :: else
    fi;
    /* The relay keeps one of two Welcomes. */
    if
    :: welcome[owner[k]] = n
    :: welcome[owner[k]] != 0 && failures > 0 -> failures--
    fi
  :: else
  fi
}

/* joining.ts, beginMembership: what was published before is void. */
inline begin(p) {
  live[p] = 1;
  first[p] = welcome[p];
  forget(p);
  for (k : 1 .. PACKAGES) {
    if
    :: owner[k] == p && k <= packages -> stale[k] = 1
    :: else
    fi
  }
  k = 0
}

proctype Person(byte p) {
  byte k;

end:
  do
  /*
   * joining.ts, #makeRequest: with the counter's epoch; a new one when the counter has moved and no Welcome has come in a second, or when one is
   * late.
   */
  :: atomic { ASKS(p) && latest[p] == 0 -> ask(p) }
#ifndef NO_REFRESH
  :: atomic { ASKS(p) && latest[p] != 0 && latest[p] != n + 1 && welcome[p] == 0 -> ask(p) }
  :: atomic { ASKS(p) && latest[p] != 0 && latest[p] != n + 1 && welcome[p] != 0 && failures > 0 -> failures--; ask(p) }
#endif
  /* joining.ts, #open; ADR 13: not one that began before the newest KeyPackage was made, as that one will replace its leaf. */
  :: atomic {
      wants[p] && !live[p] && welcome[p] != 0 ->
      if
#ifndef NO_LATEST
      :: welcome[p] + 1 < latest[p] -> welcome[p] = 0
      :: welcome[p] + 1 >= latest[p] ->
#else
      ::
#endif
        if
        :: leaf[p] && came[p] == welcome[p] -> begin(p)
        /* It catches up and finds that it was replaced or removed. */
        :: !(leaf[p] && came[p] == welcome[p]) -> welcome[p] = 0
        fi
      fi
    }
  /* committing.ts. Which KeyPackages a member is shown, and how often, is the relay's choice. */
  TAKE(1)
  TAKE(2)
  TAKE(3)
#if PACKAGES > 3
  TAKE(4)
#endif
#if PACKAGES > 4
  TAKE(5)
  TAKE(6)
#endif
  REMOVE(0)
  REMOVE(1)
  REMOVE(2)
  :: atomic { live[p] && updates > 0 -> updates--; n++ }
  /* Section 5: kicked for good, with its signature key. */
  :: atomic { live[p] && p == 0 && failures > 0 && leaf[EVIL] && !kickedKey && MAY_KICK -> failures--; kickedKey = 1; remove(EVIL); n++ }
  /* Leaves; comes again. */
  :: atomic { p != 0 && live[p] && failures > 0 && MAY_LEAVE -> failures--; live[p] = 0; first[p] = 0; wants[p] = 0 }
  :: atomic { p != 0 && !wants[p] && !live[p] && !leaf[p] -> wants[p] = 1; forget(p) }
  /* Crashes without state, as a guest does, and asks again. */
  :: atomic { p != 0 && live[p] && failures > 0 -> failures--; live[p] = 0; first[p] = 0; wants[p] = 1; forget(p) }
  /* A Welcome is lost for good. */
  :: atomic { welcome[p] != 0 && failures > 0 -> failures--; welcome[p] = 0 }
  od
}

/* The relay, which has no secret, and whoever was kicked, who has it. */
proctype Adversary() {
  byte p;

end:
  do
  /* A KeyPackage of its own, with whatever as_of. */
  :: atomic {
      packages < PACKAGES && !leaf[RELAY] ->
      packages++;
      owner[packages] = RELAY;
      asOf[packages] = n
    }
  :: atomic { packages < PACKAGES && kickedKey -> packages++; owner[packages] = EVIL; asOf[packages] = n }
  /* A Welcome into a group of its own, for whoever asked. */
  :: atomic {
      select (p : 1 .. PEOPLE - 1);
      if
      :: p != EVIL && wants[p] && !live[p] && latest[p] != 0 ->
        ALWAYS(secret, !(NAMES_PSK(RELAY) && FORGED_RECEIPT));
#ifndef COUNTER_SIDES
        ALWAYS(line, !(kickedKey && NAMES_PSK(EVIL) && FORGED_RECEIPT))
#endif
      :: else
      fi;
      p = 0
    }
  od
}

init {
  atomic {
    byte p;
    leaf[0] = 1;
    live[0] = 1;
    wants[0] = 1;
    for (p : 0 .. PEOPLE - 1) { run Person(p) }
    p = 0;
#ifndef PROGRESS
    run Adversary()
#endif
  }
}

#ifdef PROGRESS
ltl progress { <> [] (live[1] && leaf[1] && live[2] && leaf[2]) }
#endif
