// counter-checker says whether a history of calls to an epoch counter is linearizable: whether there is one order of them, in which
// each comes between its call and its answer, that a service which keeps docs/protocol.md gives those answers in. The search is
// Porcupine's (github.com/anishathalye/porcupine; after Wing and Gong, and Lowe).
//
// Usage: counter-checker [-limit 2m] [-picture FILE] HISTORY
//
// HISTORY has one line of JSON with the service's times and one for each operation (history.go). The verdict is one line of JSON on
// standard output; exit code 0: linearizable; 1: not; 3: undecided within the limit, which is for each room; 2: cannot be read.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

type verdict struct {
	Result     string  `json:"result"`
	Rooms      int     `json:"rooms"`
	Operations int     `json:"operations"`
	Unknown    int     `json:"unknown"`
	Seconds    float64 `json:"seconds"`
	// Rooms that are not linearizable, and those that were not decided.
	Illegal   []string `json:"illegal,omitempty"`
	Undecided []string `json:"undecided,omitempty"`
	// Of the first illegal room: the operations up to which an order was found, and those that none had a place for.
	Explained []string `json:"explained,omitempty"`
	Stuck     []string `json:"stuck,omitempty"`
}

func describe(in, out interface{}) string {
	asked := in.(input)
	given := "?"
	if a := out.(*answer); a != nil {
		text, _ := json.Marshal(a)
		given = string(text)
	}
	text, _ := json.Marshal(asked.call)
	return fmt.Sprintf("%s %v -> %s", text, asked.now, given)
}

func main() {
	limit := flag.Duration("limit", 2*time.Minute, "time for one room")
	picture := flag.String("picture", "", "where to draw the first room that is not linearizable, HTML")
	flag.Parse()
	file, err := os.Open(flag.Arg(0))
	if err != nil {
		fail(err)
	}
	bounds, rooms, err := read(file)
	if err != nil {
		fail(err)
	}
	said := check(bounds, rooms, *limit, *picture)
	text, err := json.Marshal(said)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(text))
	switch said.Result {
	case "illegal":
		os.Exit(1)
	case "undecided":
		os.Exit(3)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "counter-checker:", err)
	os.Exit(2)
}

func check(bounds times, rooms map[string][]porcupine.Operation, limit time.Duration, picture string) verdict {
	began := time.Now()
	said := verdict{Result: "ok", Rooms: len(rooms)}
	model := modelOf(bounds)
	var lock sync.Mutex
	var all sync.WaitGroup
	free := make(chan bool, runtime.NumCPU())
	infos := map[string]porcupine.LinearizationInfo{}
	for name, operations := range rooms {
		said.Operations += len(operations)
		for _, each := range operations {
			if each.Output.(*answer) == nil {
				said.Unknown++
			}
		}
		all.Add(1)
		go func(name string, operations []porcupine.Operation) {
			defer all.Done()
			free <- true
			result, info := porcupine.CheckOperationsVerbose(model, operations, limit)
			<-free
			lock.Lock()
			defer lock.Unlock()
			switch result {
			case porcupine.Illegal:
				said.Illegal = append(said.Illegal, name)
				infos[name] = info
			case porcupine.Unknown:
				said.Undecided = append(said.Undecided, name)
			}
		}(name, operations)
	}
	all.Wait()
	sort.Strings(said.Illegal)
	sort.Strings(said.Undecided)
	if len(said.Undecided) > 0 {
		said.Result = "undecided"
	}
	if len(said.Illegal) > 0 {
		said.Result = "illegal"
		said.explain(model, rooms[said.Illegal[0]], infos[said.Illegal[0]], picture)
	}
	said.Seconds = time.Since(began).Seconds()
	return said
}

// explain names what the longest order that was found ends with, and what had no place in it.
func (v *verdict) explain(model porcupine.Model, operations []porcupine.Operation, info porcupine.LinearizationInfo, picture string) {
	if picture != "" {
		if err := porcupine.VisualizePath(model, info, picture); err != nil {
			fmt.Fprintln(os.Stderr, "counter-checker:", err)
		}
	}
	var longest []int
	for _, each := range info.PartialLinearizations()[0] {
		if len(each) > len(longest) {
			longest = each
		}
	}
	placed := map[int]bool{}
	for index, id := range longest {
		placed[id] = true
		if index >= len(longest)-12 {
			v.Explained = append(v.Explained, describe(operations[id].Input, operations[id].Output))
		}
	}
	var rest []int
	for id := range operations {
		if !placed[id] {
			rest = append(rest, id)
		}
	}
	sort.Slice(rest, func(a, b int) bool { return operations[rest[a]].Call < operations[rest[b]].Call })
	if len(rest) > 4 {
		rest = rest[:4]
	}
	for _, id := range rest {
		v.Stuck = append(v.Stuck, describe(operations[id].Input, operations[id].Output))
	}
}
