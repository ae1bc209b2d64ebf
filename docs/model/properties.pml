/*
 * Properties and the switches that all models share.
 *
 * A property has a name; `-DONLY=name` checks that one alone, so that a counterexample is known to be one of it. Events assert
 * theirs where they happen; what must hold in every state is asserted by a process `Monitor` beside the others, which can move only where it
 * does not hold.
 */
#ifdef ONLY
#define CHECKED(name) (name == ONLY)
#else
#define CHECKED(name) true
#endif
#define ALWAYS(name, holds) assert(!CHECKED(name) || (holds))
/* For `Monitor`: in each state. */
#define IN_EVERY_STATE(name, holds) :: atomic { CHECKED(name) && !(holds) -> assert(false) }

/* Sets of members are bit masks. */
#define BIT(member) (1 << (member))
#define IN(set, member) (((set) >> (member)) & 1)

#ifdef PROGRESS
/* A run in which nothing happens any more goes on all the same, so that what did not happen by then is found. */
active proctype Idle() {
  do
  :: timeout -> skip
  od
}
#endif
