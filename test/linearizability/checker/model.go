package main

import (
	"hash/fnv"
	"strconv"

	"github.com/anishathalye/porcupine"
)

// Of a lock whose answer was lost.
const unknownToken = "?"

type lock struct {
	attempt int64
	token   string
	nonce   string
	granted span
}

// An entry of a log. What only its receipt tells is empty until one is seen.
type entry struct {
	attempt int64
	commit  string
	nextKey string
	hash    string
	time    int64
}

// A counter of one generation.
type counter struct {
	// It was locked once.
	known       bool
	expected    int64
	nextAttempt int64
	nextKey     string
	lock        *lock
	log         []entry
	// Its log was deleted, as it never comes back.
	erased bool
}

// A state of a room. It is never changed once it was given away.
type state struct {
	next        int
	generations []generation
	counters    []counter
	key         string
}

func (s *state) copy() *state {
	next := *s
	next.key = ""
	next.generations = append([]generation(nil), s.generations...)
	next.counters = append([]counter(nil), s.counters...)
	return &next
}

var fresh = counter{}

func (s *state) at(number int) *counter {
	if number < len(s.counters) {
		return &s.counters[number]
	}
	return &fresh
}

// put changes a state that is not given away yet.
func (s *state) put(number int, is counter) {
	for len(s.counters) <= number {
		s.counters = append(s.counters, counter{})
	}
	s.counters[number] = is
}

func (s *state) with(number int, is counter) *state {
	next := s.copy()
	next.put(number, is)
	return next
}

// name tells states apart.
func (s *state) name() string {
	if s.key != "" {
		return s.key
	}
	text := make([]byte, 0, 256)
	number := func(value int64) {
		text = strconv.AppendInt(text, value, 36)
		text = append(text, ' ')
	}
	word := func(value string) {
		text = append(text, value...)
		text = append(text, ' ')
	}
	moment := func(at *span) {
		if at == nil {
			text = append(text, '-', ' ')
			return
		}
		number(at.lo)
		number(at.hi)
	}
	truth := func(value bool) {
		if value {
			text = append(text, 't', ' ')
		} else {
			text = append(text, 'f', ' ')
		}
	}
	number(int64(s.next))
	for _, each := range s.generations {
		number(int64(each.number))
		moment(&each.heard)
		truth(each.closed)
		moment(each.overtaken)
	}
	for _, each := range s.counters {
		text = append(text, '|')
		truth(each.known)
		truth(each.erased)
		number(each.expected)
		number(each.nextAttempt)
		word(each.nextKey)
		if each.lock != nil {
			number(each.lock.attempt)
			word(each.lock.token)
			word(each.lock.nonce)
			moment(&each.lock.granted)
		}
		for _, of := range each.log {
			number(of.attempt)
			word(of.commit)
			word(of.hash)
		}
	}
	s.key = string(text)
	return s.key
}

func (l *lock) mayLive(now span, t times) bool {
	return now.lo < l.granted.hi+t.Lock && now.hi > l.granted.lo-t.Lock
}

func (l *lock) mayBeOver(now span, t times) bool {
	return now.hi >= l.granted.lo+t.Lock || now.lo <= l.granted.hi-t.Lock
}

// seen gives the lock as it is known once so much of it was left.
func (l *lock) seen(left int64, now span, t times) (*lock, bool) {
	granted := span{later(l.granted.lo, now.lo+left-t.Lock), earlier(l.granted.hi, now.hi+left-t.Lock)}
	next := *l
	next.granted = granted
	return &next, granted.lo <= granted.hi
}

// allows says whether a call that moves a counter is signed as it has to be.
func (c *counter) allows(signer string) bool {
	if c.nextKey == "" {
		return signer == "room"
	}
	return signer == c.nextKey
}

func (c *counter) current() *int64 {
	if c.expected == 0 {
		return nil
	}
	reached := c.expected - 1
	return &reached
}

// is says whether the answer is of this kind; a lost one may be of any.
func (a *answer) is(kind string) bool { return a == nil || a.Kind == kind }

func (a *answer) saysCurrent(c *counter) bool {
	if a == nil {
		return true
	}
	if a.Kind != "counter-error" {
		return false
	}
	return same(a.Current, c.current())
}

func same(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// only gives a state, if the answer fits it.
func only(s *state, fits bool) []*state {
	if !fits {
		return nil
	}
	return []*state{s}
}

// step gives every state in which the service may be after it gave this answer.
func step(s *state, c call, now span, a *answer, t times) []*state {
	switch c.Kind {
	case "lock":
		return s.stepLock(c, now, a, t)
	case "increment":
		return s.stepIncrement(c, now, a, t)
	case "alive", "close":
		return s.stepAlive(c, now, a, t)
	case "room":
		return only(s, a == nil || a.Kind == "ok" && a.Next == s.next && s.mayBeMeeting(a.Meeting, now, t))
	case "history":
		return s.stepHistory(c, now, a, t)
	}
	panic("no such call: " + c.Kind)
}

func (s *state) stepLock(c call, now span, a *answer, t times) []*state {
	counter := s.at(c.Generation)
	if c.Val != counter.expected {
		return only(s, a.saysCurrent(counter))
	}
	if !counter.allows(c.Signer) {
		return only(s, a.is("forbidden"))
	}
	if c.Val == 0 && c.Generation != s.next {
		return only(s, a.saysCurrent(counter))
	}
	after, mayGoOn := s.barred(c, now, a, t)
	if !mayGoOn {
		return after
	}
	granted := s
	if c.Val > 0 {
		granted = s.heard(c.Generation, now)
	}
	held := counter.lock
	if held != nil && held.mayLive(now, t) {
		after = append(after, s.stepHeld(c, now, a, t)...)
	}
	if held != nil && !held.mayBeOver(now, t) {
		return after
	}
	if !a.is("granted") || a != nil && (a.Attempt != counter.nextAttempt || a.ExpiresIn != t.Lock) {
		return after
	}
	token := unknownToken
	if a != nil {
		token = a.Token
	}
	next := *counter
	next.known = true
	next.lock = &lock{attempt: counter.nextAttempt, token: token, nonce: c.Nonce, granted: now}
	next.nextAttempt++
	return append(after, granted.with(c.Generation, next))
}

// barred is a lock or an increment that another generation, or the end of its own, stands in the way of: where the answer says so,
// the state as it is; and whether the call may have gone on.
func (s *state) barred(c call, now span, a *answer, t times) ([]*state, bool) {
	var after []*state
	if c.Val == 0 {
		if left, may := s.longest(now, t); may && a.is("alive") && (a == nil || left.lo <= a.RetryLater && a.RetryLater <= left.hi) {
			after = append(after, s)
		}
		return after, s.allMayRest(now, t)
	}
	known := s.find(c.Generation)
	if (known == nil || known.mayBeGone(now, t)) && a.is("gone") {
		after = append(after, s)
	}
	return after, known != nil && known.mayReturn(now, t)
}

// stepHeld is a lock of a counter that may be locked.
func (s *state) stepHeld(c call, now span, a *answer, t times) []*state {
	counter := *s.at(c.Generation)
	held := counter.lock
	if a == nil {
		return []*state{s}
	}
	left := a.RetryLater
	token := held.token
	if held.nonce == c.Nonce {
		if a.Kind != "granted" || a.Attempt != held.attempt || token != unknownToken && token != a.Token {
			return nil
		}
		left, token = a.ExpiresIn, a.Token
	} else if a.Kind != "locked" {
		return nil
	}
	next, may := held.seen(left, now, t)
	if !may {
		return nil
	}
	next.token = token
	counter.lock = next
	return []*state{s.with(c.Generation, counter)}
}

func (s *state) stepIncrement(c call, now span, a *answer, t times) []*state {
	counter := s.at(c.Generation)
	if !counter.known {
		return only(s, a.is("not-locked"))
	}
	if c.Val < int64(len(counter.log)) && counter.log[c.Val].commit == c.Commit && counter.isOfEpochBefore(c) {
		if a == nil {
			return []*state{s}
		}
		if a.Kind != "ok" || a.Receipt == nil {
			return nil
		}
		return s.observe(c.Generation, c.Val, *a.Receipt)
	}
	if c.Val != counter.expected {
		return only(s, a.saysCurrent(counter))
	}
	if !counter.allows(c.Signer) {
		return only(s, a.is("forbidden"))
	}
	after, mayGoOn := s.barred(c, now, a, t)
	if !mayGoOn {
		return after
	}
	held := counter.lock
	isHolder := held != nil && held.token == c.Token
	if (!isHolder || held.mayBeOver(now, t)) && a.is("not-locked") {
		after = append(after, s)
	}
	if !isHolder || !held.mayLive(now, t) || !a.is("ok") {
		return after
	}
	logged := entry{attempt: held.attempt, commit: c.Commit, nextKey: c.NextKey}
	next := *counter
	next.expected, next.nextAttempt, next.nextKey, next.lock = c.Val+1, 0, c.NextKey, nil
	next.log = append(append([]entry(nil), counter.log...), logged)
	var rooms []*state
	if c.Val == 0 {
		rooms = s.begun(c.Generation, now, t)
	} else {
		rooms = []*state{s.heard(c.Generation, now)}
	}
	for _, room := range rooms {
		moved := room.with(c.Generation, next)
		if a == nil {
			after = append(after, moved)
		} else if a.Receipt != nil && counter.mayBeTime(a.Receipt.Time, now) {
			after = append(after, moved.observe(c.Generation, c.Val, *a.Receipt)...)
		}
	}
	return after
}

// mayBeTime says whether the next receipt may have this time: now, but never before the one before it.
func (c *counter) mayBeTime(at int64, now span) bool {
	last := int64(0)
	if len(c.log) > 0 {
		before := c.log[len(c.log)-1]
		if before.hash == "" {
			// Its time is not known, and may have been ahead of the clock.
			return at >= now.lo
		}
		last = before.time
	}
	if at == last {
		return now.lo <= last
	}
	return at > last && now.lo <= at && at <= now.hi
}

func (c *counter) isOfEpochBefore(of call) bool {
	if of.Val == 0 {
		return of.Signer == "room"
	}
	return of.Signer == c.log[of.Val-1].nextKey
}

// observe gives the state as it is known once a receipt was seen, if there may be such a one.
func (s *state) observe(number int, at int64, seen receipt) []*state {
	counter := *s.at(number)
	known := counter.log[at]
	if seen.Epoch != at || seen.Attempt != known.attempt || seen.Commit != known.commit || seen.NextKey != known.nextKey ||
		known.hash != "" && known.hash != seen.Hash {
		return nil
	}
	if known.hash == seen.Hash {
		return []*state{s}
	}
	counter.log = append([]entry(nil), counter.log...)
	counter.log[at].hash = seen.Hash
	counter.log[at].time = seen.Time
	if at == 0 {
		if seen.Previous != "" {
			return nil
		}
	} else if before := counter.log[at-1].hash; before == "" {
		counter.log[at-1].hash = seen.Previous
	} else if before != seen.Previous {
		return nil
	}
	return []*state{s.with(number, counter)}
}

func (s *state) stepAlive(c call, now span, a *answer, t times) []*state {
	counter := s.at(c.Generation)
	if !same(counter.current(), &c.Val) {
		return only(s, a.saysCurrent(counter))
	}
	if !counter.allows(c.Signer) {
		return only(s, a.is("forbidden"))
	}
	var after []*state
	known := s.find(c.Generation)
	if (known == nil || known.mayBeGone(now, t)) && a.is("gone") {
		room := s
		if known != nil {
			room = s.without(c.Generation)
		}
		after = append(after, room.withoutGone(now, t)...)
	}
	if known == nil || !known.mayReturn(now, t) || !a.is("ok") {
		return after
	}
	var next *state
	left := t.Lease
	if c.Kind == "close" {
		next, left = s.closed(c.Generation, c.Val == 0), 0
	} else {
		next = s.heard(c.Generation, now)
	}
	fits := a == nil || same(a.Current, &c.Val) && a.Lease != nil && *a.Lease == left && next.mayBeMeeting(a.Meeting, now, t)
	return append(after, only(next, fits)...)
}

func (s *state) stepHistory(c call, now span, a *answer, t times) []*state {
	if a == nil {
		return []*state{s}
	}
	counter := s.at(c.Generation)
	if a.Kind != "ok" || a.NextFrom != nil || !same(a.Current, counter.current()) {
		return nil
	}
	if counter.known {
		if a.Lease == nil || !s.mayBeLeft(c.Generation, *a.Lease, now, t) || !s.mayBeMeeting(a.Meeting, now, t) {
			return nil
		}
	} else if a.Lease != nil {
		return nil
	}
	from := earlier(c.Val, int64(len(counter.log)))
	if int64(len(a.Entries)) != int64(len(counter.log))-from {
		return nil
	}
	after := []*state{s}
	for index, each := range a.Entries {
		at := from + int64(index)
		if each.Epoch != at || each.Attempt != each.Receipt.Attempt || each.Commit != each.Receipt.Commit {
			return nil
		}
		after = after[0].observe(c.Generation, at, each.Receipt)
		if after == nil {
			return nil
		}
	}
	return after
}

// modelOf is the service as one room sees it.
func modelOf(t times) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{&state{}} },
		Step: func(from, in, out interface{}) []interface{} {
			asked := in.(input)
			var after []interface{}
			for _, each := range step(from.(*state), asked.call, asked.now, out.(*answer), t) {
				after = append(after, each)
			}
			if out.(*answer) == nil {
				after = append(after, from)
			}
			return after
		},
		Equal: func(a, b interface{}) bool { return a.(*state).name() == b.(*state).name() },
		Hash: func(of interface{}) uint64 {
			sum := fnv.New64a()
			sum.Write([]byte(of.(*state).name()))
			return sum.Sum64()
		},
		DescribeOperation: describe,
	}
	return model.ToModel()
}
