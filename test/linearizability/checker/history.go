package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/anishathalye/porcupine"
)

// A times is the first line of a history: how long things last at the service, in ms.
type times struct {
	Lock    int64 `json:"lock"`
	Lease   int64 `json:"lease"`
	Revival int64 `json:"revival"`
}

// A span is where a moment of the service's clock lies, both ends included, in ms.
type span struct{ lo, hi int64 }

func (s *span) UnmarshalJSON(text []byte) error {
	var ends [2]int64
	if err := json.Unmarshal(text, &ends); err != nil {
		return err
	}
	*s = span{ends[0], ends[1]}
	return nil
}

// A call is what a client asked, of one generation of one room.
type call struct {
	Kind       string `json:"kind"`
	Generation int    `json:"generation"`
	Val        int64  `json:"val"`
	Nonce      string `json:"nonce"`
	Token      string `json:"token"`
	Commit     string `json:"commit"`
	NextKey    string `json:"nextKey"`
	// "room", or the public key of the epoch that signed.
	Signer string `json:"signer"`
}

// A receipt as the client read it; its signature has been verified.
type receipt struct {
	Epoch    int64  `json:"epoch"`
	Attempt  int64  `json:"attempt"`
	Commit   string `json:"commit"`
	NextKey  string `json:"nextKey"`
	Previous string `json:"previous"`
	Hash     string `json:"hash"`
	Time     int64  `json:"time"`
}

// A logged is one entry of a page of history.
type logged struct {
	Epoch   int64   `json:"epoch"`
	Attempt int64   `json:"attempt"`
	Commit  string  `json:"commit"`
	Receipt receipt `json:"receipt"`
}

// An answer is what the service said; which fields are there depends on the kind.
type answer struct {
	Kind       string   `json:"kind"`
	Token      string   `json:"token"`
	Attempt    int64    `json:"attempt"`
	ExpiresIn  int64    `json:"expiresIn"`
	RetryLater int64    `json:"retryLater"`
	Current    *int64   `json:"current"`
	Receipt    *receipt `json:"receipt"`
	Entries    []logged `json:"entries"`
	NextFrom   *int64   `json:"nextFrom"`
	Meeting    *int     `json:"meeting"`
	Lease      *int64   `json:"lease"`
	Next       int      `json:"next"`
}

// An operation is a call, when it was sent and answered on the clients' monotonic clock (µs), and between which two times of the
// service's clock it took effect.
type operation struct {
	Client int    `json:"client"`
	Room   string `json:"room"`
	Call   call   `json:"call"`
	From   int64  `json:"from"`
	// When the outcome is unknown, from when on it cannot take effect any more, since the process that may bring it about is dead; nil: never.
	To  *int64 `json:"to"`
	Now span   `json:"now"`
	// Nil when the outcome is unknown.
	Answer *answer `json:"answer"`
}

// An input is what the model is given of an operation beside its answer.
type input struct {
	call call
	now  span
}

// read gives the operations of each room.
func read(from io.Reader) (times, map[string][]porcupine.Operation, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 64<<20)
	var bounds times
	if !lines.Scan() {
		return bounds, nil, fmt.Errorf("the history is empty")
	}
	if err := json.Unmarshal(lines.Bytes(), &bounds); err != nil {
		return bounds, nil, fmt.Errorf("line 1: %w", err)
	}
	rooms := map[string][]porcupine.Operation{}
	for number := 2; lines.Scan(); number++ {
		var each operation
		if err := json.Unmarshal(lines.Bytes(), &each); err != nil {
			return bounds, nil, fmt.Errorf("line %d: %w", number, err)
		}
		made := porcupine.Operation{
			ClientId: each.Client,
			Input:    input{each.Call, each.Now},
			Call:     each.From,
			Output:   each.Answer,
			Return:   math.MaxInt64,
		}
		isRead := each.Call.Kind == "room" || each.Call.Kind == "history"
		if each.Answer == nil && isRead {
			// It changes nothing and tells nothing.
			continue
		}
		if each.Answer != nil && each.To == nil {
			return bounds, nil, fmt.Errorf("line %d: an answer without its time", number)
		}
		if each.To != nil {
			made.Return = *each.To
		}
		rooms[each.Room] = append(rooms[each.Room], made)
	}
	return bounds, rooms, lines.Err()
}
