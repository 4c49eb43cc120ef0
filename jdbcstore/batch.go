package jdbcstore

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// batch is what one transaction does.
type batch struct {
	units      []*store.Unit // in log order, those that were refused or cancelled included
	statements []call
	number     int64  // higher than that of every batch before
	marker     string // the container that has number when the batch is durable
	marked     bool
	syncs      int                 // units that asked for a sync
	special    bool                // the marker has to be one that no statement deletes
	record     map[*producer]int64 // last sequences for the table of producers
	after      []func()            // changes to what readers see, when the batch is durable
	segment    segment
}

// call is a statement with its parameters, in binary format.
type call struct {
	name       statement
	parameters [][]byte
	copied     []copied         // of a COPY, in place of parameters
	result     func(rows int64) // gets how many rows it changed; may be nil
	keep       func(row []byte) // gets where the row is that it has written; may be nil
	returned   []byte           // what it has returned last
}

// segment is a run of operations that can be put into one order: rows are
// deleted, then inserted, then acknowledged.
type segment struct {
	adds    []addition
	deletes []int64
	touched map[message.Destination]*delta
	order   []*delta
	acks    map[ackKey]*ackGroup
	groups  []*ackGroup
	later   []call
}

type addition struct {
	op   *store.Op
	data []byte
	from *producer
	dead bool // removed within the segment
}

// delta is how a container's row changes.
type delta struct {
	container         string
	deletes           []int64
	messages, bytes   int64
	mixed             bool
	lastID, brokerSeq int64
}

type ackKey struct {
	dest message.Destination
	key  string
}

// ackGroup is what a subscription acknowledges.
type ackGroup struct {
	sub *subscription
	ids []int64
}

func (b *batch) call(name statement, parameters ...[]byte) {
	b.statements = append(b.statements, call{name: name, parameters: parameters})
}

func (g *segment) reset() {
	clear(g.adds)
	g.adds, g.deletes, g.order, g.groups, g.later = g.adds[:0], g.deletes[:0], nil, nil, nil
	g.touched, g.acks = nil, nil
}

func (g *segment) empty() bool {
	return len(g.adds) == 0 && len(g.order) == 0 && len(g.later) == 0
}

// touch is the row of a destination, which the segment changes.
func (g *segment) touch(dest message.Destination) *delta {
	if d := g.touched[dest]; d != nil {
		return d
	}
	if g.touched == nil {
		g.touched = map[message.Destination]*delta{}
	}
	d := &delta{container: dest.String()}
	g.touched[dest] = d
	g.order = append(g.order, d)
	return d
}

// added finds an addition by its position.
func (g *segment) added(seq store.Seq) *addition {
	low, high := 0, len(g.adds)
	for low < high {
		if mid := (low + high) / 2; g.adds[mid].op.Seq < seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(g.adds) && g.adds[low].op.Seq == seq && !g.adds[low].dead {
		return &g.adds[low]
	}
	return nil
}

// note has a subscription acknowledge a message; true if it is its first.
func (g *segment) note(key ackKey, sub *subscription, id int64) (first bool) {
	group := g.acks[key]
	if first = group == nil; first {
		if g.acks == nil {
			g.acks = map[ackKey]*ackGroup{}
		}
		group = &ackGroup{sub: sub}
		g.acks[key] = group
		g.groups = append(g.groups, group)
	}
	group.ids = append(group.ids, id)
	return first
}
