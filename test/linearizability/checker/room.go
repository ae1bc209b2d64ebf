package main

// The rules of a room (docs/protocol.md, "Rooms at the counter"), in three values: a moment of the service's clock is known only as a
// span, so what depends on it is certain, possible or impossible.

func earlier(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func later(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

// A generation is one that is alive or may come back.
type generation struct {
	number int
	heard  span
	// It was closed after it was heard last.
	closed bool
	// When a later one began; nil: none has.
	overtaken *span
}

// mayLive says whether its lease may run.
func (g generation) mayLive(now span, lease int64) bool {
	return !g.closed && now.lo < g.heard.hi+lease && now.hi > g.heard.lo-lease
}

// mayRest says whether its lease may be over, or the clock may have been set back so far that it does not count.
func (g generation) mayRest(now span, lease int64) bool {
	return g.closed || now.hi >= g.heard.lo+lease || now.lo <= g.heard.hi-lease
}

// left bounds what is left of a lease that runs.
func (g generation) left(now span, lease int64) span {
	return span{later(1, earlier(lease, g.heard.lo+lease-now.hi)), later(1, earlier(lease, g.heard.hi+lease-now.lo))}
}

func (g generation) mayBeGone(now span, t times) bool {
	return g.overtaken != nil && g.mayRest(now, t.Lease) && now.hi-later(g.overtaken.lo, g.heard.lo) > t.Revival
}

func (g generation) mayReturn(now span, t times) bool {
	return g.overtaken == nil || g.mayLive(now, t.Lease) || now.lo-later(g.overtaken.hi, g.heard.hi) <= t.Revival
}

func (s *state) find(number int) *generation {
	for index := range s.generations {
		if s.generations[index].number == number {
			return &s.generations[index]
		}
	}
	return nil
}

// allMayRest says whether no generation may be alive.
func (s *state) allMayRest(now span, t times) bool {
	for _, each := range s.generations {
		if !each.mayRest(now, t.Lease) {
			return false
		}
	}
	return true
}

// longest bounds what is left of the longest lease, if any may run.
func (s *state) longest(now span, t times) (span, bool) {
	found := false
	most := span{1, 1}
	for _, each := range s.generations {
		if !each.mayLive(now, t.Lease) {
			continue
		}
		found = true
		left := each.left(now, t.Lease)
		most.hi = later(most.hi, left.hi)
		if !each.mayRest(now, t.Lease) {
			most.lo = later(most.lo, left.lo)
		}
	}
	return most, found
}

// mayBeMeeting says whether that generation may be the lowest that is alive; nil: whether none may be.
func (s *state) mayBeMeeting(number *int, now span, t times) bool {
	for _, each := range s.generations {
		if number != nil && each.number == *number {
			return each.mayLive(now, t.Lease)
		}
		if !each.mayRest(now, t.Lease) {
			return false
		}
	}
	return number == nil
}

// mayBeLeft says whether so much may be left of the lease of a generation.
func (s *state) mayBeLeft(of int, left int64, now span, t times) bool {
	known := s.find(of)
	if left == 0 {
		return known == nil || known.mayRest(now, t.Lease)
	}
	if known == nil || !known.mayLive(now, t.Lease) {
		return false
	}
	within := known.left(now, t.Lease)
	return within.lo <= left && left <= within.hi
}

// heard renews a lease.
func (s *state) heard(number int, now span) *state {
	next := s.copy()
	known := next.find(number)
	known.heard = now
	known.closed = false
	return next
}

// closed ends a lease; for good where nobody else ever was, or a later one had begun.
func (s *state) closed(number int, atZero bool) *state {
	known := s.find(number)
	if atZero || known.overtaken != nil {
		return s.without(number)
	}
	next := s.copy()
	next.find(number).closed = true
	return next
}

// without drops a generation that never comes back, and its log.
func (s *state) without(number int) *state {
	next := s.copy()
	next.generations = next.generations[:0]
	for _, each := range s.generations {
		if each.number != number {
			next.generations = append(next.generations, each)
		}
	}
	known := *next.at(number)
	known.log, known.erased = nil, true
	next.put(number, known)
	return next
}

// withoutGone drops those that never come back: each way in which that may be.
func (s *state) withoutGone(now span, t times) []*state {
	ways := []*state{s}
	for _, each := range s.generations {
		if !each.mayBeGone(now, t) {
			continue
		}
		var more []*state
		for _, way := range ways {
			more = append(more, way.without(each.number))
			if each.mayReturn(now, t) {
				more = append(more, way)
			}
		}
		ways = more
	}
	return ways
}

// begun adds a generation and overtakes those that are there.
func (s *state) begun(number int, now span, t times) []*state {
	if number < s.next {
		return []*state{s}
	}
	var ways []*state
	for _, way := range s.withoutGone(now, t) {
		next := way.copy()
		for index := range next.generations {
			if next.generations[index].overtaken == nil {
				moment := now
				next.generations[index].overtaken = &moment
			}
		}
		next.generations = append(next.generations, generation{number: number, heard: now})
		next.next = number + 1
		ways = append(ways, next)
	}
	return ways
}
