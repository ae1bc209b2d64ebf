/*
 * One line of Commits: the design, sections 3 and 4; docs/protocol.md, "Fenced mode".
 *
 * Three members of one generation stage Commits, lock, publish, increment, and apply what the service has logged. They crash, lose answers,
 * stall past their lock and come back with the state of a backup. Against them: a removed member, who knows the link and all keys that it ever had
 * (the default), or an insider (-DINSIDER), who is a member and says what it likes. With -DRESTORED the service loses its newest entry once.
 *
 * A state of the group is the Commit that led to it, so the number of a Commit stands for the transcript, the epoch key and all secrets of the state
 * that it begins. Whoever is in the roster of a state has its secrets; nobody else has. MLS gives that; it is assumed here.
 *
 * Switches, each removes one defence: NO_EPOCH_KEY, NO_TOKEN, NO_RECEIPT, NO_NEXT_KEY, NO_STORED_COMMIT, NO_SAVED_STAGE, NO_OWN_CHECK, NO_OWN_LOST,
 * NO_BLAME_RULE, NO_RECOVERY.
 * PROGRESS checks the formula `progress` instead of the properties.
 */
#include "properties.pml"

#define one_line 1
#define inside 2
#define members_commit 3
#define own_counter 4
#define place 5
#define no_false_alarm 6
#define blame 7
#define stays 8

/* Member 2 is the one that is removed, or the insider. */
#define MEMBERS 3
#define EVIL 2
/* Who is nobody's member. */
#define OUTSIDER 3
/* The last epoch that is looked at. */
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef COMMITS
#define COMMITS 4
#endif
/* Crashes, lost answers, stalls, objects that the relay drops and (with -DBACKUP) restored backups, together. */
#ifndef FAILURES
#define FAILURES 2
#endif
/* Calls of the adversary that change something. */
#ifndef MISCHIEF
#define MISCHIEF 2
#endif

/* A key of the adversary's own, which no state has; a transcript of no state. */
#define JUNK 255

/* ── Commits and the states that they begin; 0 is the group as it was created. */
byte made = 0;
byte parent[COMMITS + 1];
byte author[COMMITS + 1];
byte epochOf[COMMITS + 1];
byte roster[COMMITS + 1];
bit verifies[COMMITS + 1];
/* On the relay, for all to see. */
bit published[COMMITS + 1];

/* ── The service's record (src/protocol/counter/rules.ts, CounterRecord and LogEntry). */
byte cur = 0;
byte logged[EPOCHS + 1];
byte transcript[EPOCHS + 1];
byte nextKey[EPOCHS + 1];
/* The live lock's token, 0: none; tokens are never guessed, so they are numbers that are used once. */
byte lockToken = 0;
byte lockHolder = 0;
byte nextAttempt = 1;
/* Put back from a backup, and waiting for what members have (ADR 16). */
bit recovering = 0;

/* ── Members. State and stage are on disk before anything of them is sent (committing.ts, makeStage). */
/* OUTDATED: cannot follow, and asks to join again. ALARMED: the line is broken, the meeting moves (section 3, "Moving"). */
mtype = { MEMBER, REMOVED, OUTDATED, ALARMED };
mtype status[MEMBERS] = MEMBER;
mtype = { IDLE, SENT };
mtype phase[MEMBERS] = IDLE;
byte state[MEMBERS];
byte stage[MEMBERS];
byte token[MEMBERS];

byte failures = FAILURES;
byte mischief = MISCHIEF;

#define EPOCH(m) epochOf[state[m]]
#define BEHIND(m) (EPOCH(m) < cur)

#ifdef NO_EPOCH_KEY
#define SIGNED(key) true
#else
/* Section 3: "equals the stored next_key". */
#define SIGNED(key) ((key) == nextKey[cur])
#endif

#ifdef NO_TOKEN
#define HOLDS_LOCK(t) (lockToken != 0)
#else
/* rules.ts, decideFencedIncrement: live, and the same token. */
#define HOLDS_LOCK(t) (lockToken != 0 && lockToken == (t))
#endif

#ifdef NO_RECOVERY
#define LOCKS true
#else
/* ADR 16: no lock while the service recovers. */
#define LOCKS (!recovering)
#endif

#ifdef NO_STORED_COMMIT
#define AVAILABLE(c) published[c]
#else
/* `GET /history` has it, whatever the relay shows. */
#define AVAILABLE(c) true
#endif

/* Section 3, lock; rules.ts, decideLock. The same holder names the same nonce and gets the same token. */
inline grantLock(holder, result) {
  if
  :: lockToken == 0 ->
    lockToken = nextAttempt;
    lockHolder = holder;
    nextAttempt++
  :: else
  fi;
  result = lockToken
}

/* Section 3, increment; section 4, the receipt; rules.ts, decideFencedIncrement. */
inline log(c, claimedTranscript, claimedKey) {
  ALWAYS(members_commit, author[c] < MEMBERS && IN(roster[logged[cur]], author[c]));
  cur++;
  logged[cur] = c;
  transcript[cur] = claimedTranscript;
  nextKey[cur] = claimedKey;
  lockToken = 0;
  nextAttempt = 1
}

/* A member enters the epoch that begins with c; its stage is settled. */
inline enter(m, c) {
  state[m] = c;
  stage[m] = 0
}

#ifdef NO_RECEIPT
#define RECEIPT_FITS(m, c) true
#else
/* Section 4: the transcript is that of the staged state. */
#define RECEIPT_FITS(m, c) (transcript[EPOCH(m) + 1] == c)
#endif
#ifdef NO_NEXT_KEY
#define KEY_FITS(m, c) true
#else
/* Section 3: "a member that derives another refuses the Commit". */
#define KEY_FITS(m, c) (nextKey[EPOCH(m) + 1] == c)
#endif

#ifdef NO_OWN_CHECK
#define OWN_FITS(m, c) RECEIPT_FITS(m, c)
#else
#define OWN_FITS(m, c) (RECEIPT_FITS(m, c) && KEY_FITS(m, c))
#endif

/*
 * The line is broken. Whom to leave behind: the author of a Commit that is signed and does not verify. Where the Commit is in order and only
 * transcript or next_key beside it are not, whoever logged them is unknown: any member can log another's Commit (ADR 15).
 */
inline alarm(m, c) {
  status[m] = ALARMED;
#ifdef NO_BLAME_RULE
  ALWAYS(blame, author[c] == EVIL)
#else
  ALWAYS(blame, verifies[c] || author[c] == EVIL)
#endif
}

/* applying.ts, applyReceipted and merge; commit-inbox.ts. c is what the service logged for the epoch after the member's. */
inline apply(m, c) {
  if
  :: c == stage[m] ->
    /* applying.ts compares the transcript; and next_key, too (ADR 15). */
    if
    :: OWN_FITS(m, c) -> enter(m, c)
    :: else -> alarm(m, c)
    fi
#ifndef NO_OWN_LOST
  /* ADR 15: our own, whose stage a backup does not have. MLS cannot process it, but it breaks nothing: we join again. */
  :: c != stage[m] && author[c] == m -> status[m] = OUTDATED
  :: c != stage[m] && author[c] != m && AVAILABLE(c) ->
#else
  :: c != stage[m] && AVAILABLE(c) ->
#endif
    if
    :: !verifies[c] || parent[c] != state[m] || author[c] == m -> alarm(m, c)
    :: else ->
      if
      :: !IN(roster[c], m) -> status[m] = REMOVED
      :: IN(roster[c], m) && RECEIPT_FITS(m, c) && KEY_FITS(m, c) -> enter(m, c)
      :: IN(roster[c], m) && !(RECEIPT_FITS(m, c) && KEY_FITS(m, c)) -> alarm(m, c)
      fi
    fi
  fi
}

proctype Member(byte m) {
  byte c;
  byte i;
  /* What a backup of the profile has. */
  byte oldState;
  byte oldStage;

end:
  do
  /* committing.ts, makeStage: remove the one who is to go, or new keys only. Saved before anything is sent. */
  :: atomic {
      status[m] == MEMBER && phase[m] == IDLE && stage[m] == 0 && EPOCH(m) < EPOCHS && made < COMMITS ->
      made++;
      parent[made] = state[m];
      author[made] = m;
      epochOf[made] = EPOCH(m) + 1;
      verifies[made] = 1;
      if
      :: roster[made] = roster[state[m]]
      :: m != EVIL && IN(roster[state[m]], EVIL) -> roster[made] = roster[state[m]] - BIT(EVIL)
      fi;
      stage[m] = made
    }
  /*
   * Section 3, `GET /lock` at n + 1, then publish-commit at object 2f; committing.ts, commitOnce. A wrong val is 412: nothing happens, the
   * member catches up.
   */
  :: atomic {
      status[m] == MEMBER && phase[m] == IDLE && stage[m] != 0 && EPOCH(m) == cur && SIGNED(state[m]) && LOCKS &&
        (lockToken == 0 || lockHolder == m) ->
      grantLock(m, token[m]);
      if
      :: published[stage[m]] = 1; phase[m] = SENT
      /* The relay drops it. */
      :: failures > 0 -> failures--; phase[m] = SENT
      /* The answer is lost, and with it the token. */
      :: failures > 0 -> failures--; token[m] = 0
      fi
    }
#ifdef NO_RECEIPT
  /* As in plain mode: what is published counts. */
  :: atomic { phase[m] == SENT && state[m] == parent[stage[m]] -> token[m] = 0; phase[m] = IDLE; enter(m, stage[m]) }
#endif
  /* Section 3, `POST /increment`; committing.ts, incrementFenced. It may come long after the lock has expired. */
  :: atomic {
      phase[m] == SENT ->
      if
      :: EPOCH(m) == cur && SIGNED(state[m]) && HOLDS_LOCK(token[m]) -> 
        /* The receipt has the lock's attempt f; our Commit is at the object 2f of ours. */
        ALWAYS(place, lockToken == token[m]);
        log(stage[m], stage[m], stage[m])
      :: else
      fi;
      token[m] = 0;
      phase[m] = IDLE
    }
  /* Receipts by relay or `GET /history`; catching-up.ts, askHistory. An answer to the increment that arrived is the same step. */
  :: atomic {
      status[m] == MEMBER && phase[m] == IDLE && BEHIND(m) &&
        (logged[EPOCH(m) + 1] == stage[m] || AVAILABLE(logged[EPOCH(m) + 1]) || author[logged[EPOCH(m) + 1]] == m) ->
      c = logged[EPOCH(m) + 1];
      apply(m, c);
      c = 0
    }
#ifdef NO_RECEIPT
  :: atomic {
      status[m] == MEMBER && phase[m] == IDLE ->
      select (c : 1 .. COMMITS);
      if
      :: c <= made && published[c] && verifies[c] && parent[c] == state[m] && author[c] != m ->
        if
        :: IN(roster[c], m) -> enter(m, c)
        :: else -> status[m] = REMOVED
        fi
      :: else
      fi;
      c = 0
    }
#endif
#ifdef RESTORED
  /* Section 4; catching-up.ts, giveBack; rules.ts, decideUpload: forward, if the receipt follows; otherwise it signed two for one epoch. */
  :: atomic {
      status[m] == MEMBER && phase[m] == IDLE && EPOCH(m) == cur + 1 && parent[state[m]] == logged[cur] ->
      cur++;
      logged[cur] = state[m];
      transcript[cur] = state[m];
      nextKey[cur] = state[m];
      lockToken = 0;
      nextAttempt = 1
    }
  :: atomic {
      status[m] == MEMBER && phase[m] == IDLE && EPOCH(m) > 0 && EPOCH(m) <= cur && state[m] != logged[EPOCH(m)] ->
      status[m] = ALARMED
    }
#endif
  /* A crash: what is on disk is resumed. */
  :: atomic {
      failures > 0 && status[m] == MEMBER && stage[m] != 0 ->
      failures--;
      phase[m] = IDLE;
      token[m] = 0;
#ifdef NO_SAVED_STAGE
      stage[m] = 0
#endif
    }
  /* A backup is made, and put back, whatever happened meanwhile, a removal included. */
#ifdef BACKUP
  :: atomic { m == 1 && phase[m] == IDLE && status[m] == MEMBER && oldState != state[m] -> oldState = state[m]; oldStage = stage[m] }
  :: atomic {
      m == 1 && failures > 0 && status[m] != ALARMED && (oldState != state[m] || oldStage != stage[m]) ->
      failures--;
      status[m] = MEMBER;
      phase[m] = IDLE;
      token[m] = 0;
      state[m] = oldState;
      stage[m] = oldStage
    }
#endif
  od
}

/* Nobody that can be reached has what the service lacks. */
#define GIVEN_BACK(m) (status[m] != MEMBER || EPOCH(m) <= cur)

/* Time: a lock expires. While its holder goes on, that is a failure: it stalls. */
active proctype Expiry() {
#ifdef RESTORED
  bit restored = 0;
#endif
end:
  do
#ifdef RESTORED
  :: atomic {
      !restored && cur > 0 ->
      restored = 1;
      recovering = 1;
      logged[cur] = 0;
      transcript[cur] = 0;
      nextKey[cur] = 0;
      cur--;
      lockToken = 0;
      nextAttempt = 1
    }
  :: atomic { recovering && GIVEN_BACK(0) && GIVEN_BACK(1) && GIVEN_BACK(2) -> recovering = 0 }
#endif
  :: atomic {
      lockToken != 0 && (lockHolder >= MEMBERS || token[lockHolder] != lockToken) -> lockToken = 0
    }
  :: atomic { lockToken != 0 && failures > 0 -> failures--; lockToken = 0 }
  od
}

/*
 * Has the link and every key of a state that it was in: as a removed member, once it was removed; as an insider, always. It sees all that the
 * relay has, and calls the service as it likes.
 */
#ifdef INSIDER
#define ACTIVE true
#else
#define ACTIVE (status[EVIL] == REMOVED)
#endif
#define KNOWS_KEY (nextKey[cur] == JUNK || IN(roster[nextKey[cur]], EVIL))
#ifdef NO_EPOCH_KEY
#define MAY_CALL true
#else
#define MAY_CALL KNOWS_KEY
#endif

proctype Adversary() {
  byte mine = 0;
  byte i;

end:
  do
  :: atomic {
      ACTIVE && MAY_CALL && LOCKS && mischief > 0 && lockToken == 0 && cur < EPOCHS ->
      mischief--;
      grantLock(OUTSIDER, mine)
    }
  :: atomic {
      ACTIVE && MAY_CALL && mischief > 0 && HOLDS_LOCK(mine) && cur < EPOCHS && made < COMMITS ->
      mischief--;
      mine = 0;
      made++;
      parent[made] = logged[cur];
      epochOf[made] = cur + 1;
      if
      /* Bytes that are no Commit. */
      :: roster[made] = 7;
        author[made] = OUTSIDER;
        if
        :: IN(roster[logged[cur]], EVIL) -> author[made] = EVIL
        :: else
        fi;
        log(made, made, JUNK)
      /* A Commit of a member that is one, with a wrong transcript or key, or with everything right. */
      :: IN(roster[logged[cur]], EVIL) ->
        roster[made] = roster[logged[cur]];
        author[made] = EVIL;
        verifies[made] = 1;
        if
        :: log(made, made, JUNK)
        :: log(made, JUNK, made)
        :: log(made, made, made)
        fi
      fi
    }
  /* Somebody else's Commit, as it was published, in its own name. */
  :: atomic {
      ACTIVE && MAY_CALL && mischief > 0 && HOLDS_LOCK(mine) && cur < EPOCHS && made > 0 && published[made] &&
        parent[made] == logged[cur] ->
      mischief--;
      mine = 0;
      log(made, made, JUNK)
    }
  od
}

init {
  atomic {
    byte m;
    roster[0] = 7;
    verifies[0] = 1;
    for (m : 0 .. MEMBERS - 1) {
#ifdef INSIDER
      if
      :: m != EVIL -> run Member(m)
      :: else -> status[m] = REMOVED
      fi
#else
      run Member(m)
#endif
    }
    m = 0;
#ifndef PROGRESS
    run Adversary()
#endif
  }
}

#define SAME_EPOCH(a, b) (status[a] == MEMBER && status[b] == MEMBER && EPOCH(a) == EPOCH(b))
/* Whoever has the secrets of the state that m is in is a member of its epoch, as the service logged it. */
#define KEYS_INSIDE(m) (status[m] != MEMBER || EPOCH(m) > cur || (roster[state[m]] & (7 - roster[logged[EPOCH(m)]])) == 0)
#define CAN_CALL(m) (status[m] != MEMBER || EPOCH(m) != cur || nextKey[cur] == state[m])

#ifdef PROGRESS
#define SETTLED(m) (status[m] == REMOVED || (status[m] == MEMBER && EPOCH(m) == EPOCHS))
ltl progress { <> (cur == EPOCHS && SETTLED(0) && SETTLED(1) && SETTLED(2)) }
#else
active proctype Monitor() {
end:
  do
  IN_EVERY_STATE(one_line, !SAME_EPOCH(0, 1) || state[0] == state[1])
  IN_EVERY_STATE(one_line, !SAME_EPOCH(1, 2) || state[1] == state[2])
  IN_EVERY_STATE(one_line, !SAME_EPOCH(0, 2) || state[0] == state[2])
  IN_EVERY_STATE(inside, KEYS_INSIDE(0) && KEYS_INSIDE(1))
  IN_EVERY_STATE(own_counter, CAN_CALL(0) && CAN_CALL(1))
/* What the service lost and nobody has may be the removal: then the removed is an insider again. */
#if !defined(INSIDER) && !defined(RESTORED)
  IN_EVERY_STATE(no_false_alarm, status[0] != ALARMED && status[1] != ALARMED && status[2] != ALARMED)
#endif
#ifndef BACKUP
  IN_EVERY_STATE(stays, status[0] != OUTDATED && status[1] != OUTDATED && status[2] != OUTDATED)
#endif
  od
}
#endif
