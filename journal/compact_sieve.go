package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// errUnfit: a file that is better left as it is.
var errUnfit = errors.New("file is not to be rewritten")

// sieve decides which records of a complete file are still needed. What it
// drops stays superfluous, whatever happens while the file is rewritten: only
// records in newer files change the index. indexMu is held for reading while
// it decides.
type sieve struct {
	x       *index
	ids     *replayer // for identity alone
	file    uint32
	current uint32 // the file being written when the sieve was made
	deaths  uint32 // in the file, by then

	// What other files have does not need the file's removals, acknowledgements
	// or outcomes of what is not stored any more.
	removals, acks, outcomes bool
	ends                     bool // they may end something there all the same
	conceals                 bool // other files have exposures that the file ends

	// prepared are the operations of prepared transactions that lie in the file,
	// by their offset.
	prepared map[uint32]*heldOp
	offsets  map[uint32]uint32 // old to new, of those
	exists   map[message.Destination]bool
	exposed  map[message.Destination]bool // those of which the file says so still
	begun    map[string]*begunTransaction
	c        command

	// The result.
	moves     []move
	kept      int  // records that are not traces
	dropped   int  // records
	blocked   bool // records were kept only because the file is not clean
	impure    bool // what is kept needs records of other files that end something
	sundry    bool // subscriptions or exposures are kept, which count as no deaths when they end
	vague     bool // what is kept may end anything that the file's records ended
	openKept  bool // what is kept has transactions that end elsewhere
	targets   map[uint32]struct{}
	sequences map[message.ProducerID]*reached
	order     int
}

// move is a record of a stored message that gets another place.
type move struct {
	h        handle
	old, new uint32
}

// begunTransaction has operations in the file, and no outcome yet.
type begunTransaction struct{ kept bool }

// reached is how far a producer's adds came in a file.
type reached struct {
	seen, kept int64
	order      int // of the newest
}

// newSieve is called with indexMu held.
func newSieve(x *index, file, current uint32) *sieve {
	s := &sieve{x: x, ids: newReplayer(nil, nil, nil), file: file, current: current,
		prepared: map[uint32]*heldOp{}, offsets: map[uint32]uint32{}, exists: map[message.Destination]bool{}, exposed: map[message.Destination]bool{},
		begun: map[string]*begunTransaction{}, targets: map[uint32]struct{}{}, sequences: map[message.ProducerID]*reached{}}
	f := x.file(file)
	f.late, s.deaths = false, f.deaths
	s.ends, s.conceals = len(f.ends) > 0, len(f.conceals) > 0
	s.removals, s.acks, s.outcomes = x.endsAreClean(file)
	for _, t := range x.prepared {
		for i := range t.ops {
			if at := t.ops[i].at; at.file == file {
				held := t.ops[i]
				s.prepared[at.offset] = &held
			}
		}
	}
	return s
}

// keep decides on the next record of the file.
func (s *sieve) keep(record []byte, offset uint32) (bool, error) {
	c := &s.c
	if err := decodeCommand(record[recordHead:], c); err != nil {
		return false, fmt.Errorf("%w: record at offset %d: %w", errUnfit, offset, err)
	}
	at := location{s.file, offset, uint32(len(record))}
	keep, trace := false, false
	switch c.kind {
	case entryTrace:
		trace = true
		var again bool
		if keep, again = s.keepTrace(c); again {
			return false, nil
		}
	case entryAdd, entryUpdate:
		keep = s.keepMessage(c, at)
	case entryRemove:
		keep = s.keepRemoval(c, at)
	case entryPrepare, entryCommit, entryRollback:
		keep = s.keepOutcome(c)
	case entryRemoveDestination:
		keep = s.keepEnd(s.name(c))
		keep = s.keepWithdrawal(s.name(c)) || keep
	case entrySubscription:
		keep = s.keepSubscription(c)
	case entryProducerAudit, entryAckFileMap:
	case entryRewrittenFile:
		return false, fmt.Errorf("%w: it is a compaction of ActiveMQ", errUnfit)
	default:
		keep, s.impure, s.vague = true, true, true
	}
	switch {
	case !keep:
		s.dropped++
	case !trace:
		s.kept++
	}
	return keep, nil
}

func (s *sieve) name(c *command) message.Destination {
	return message.Destination{Kind: c.destination.kind, Name: string(c.destination.name)}
}

// there reports whether a destination existed when it was asked for first, so
// that all that is decided about it fits together.
func (s *sieve) there(name message.Destination) bool {
	is, ok := s.exists[name]
	if !ok {
		_, is = s.x.destinations[name]
		s.exists[name] = is
	}
	return is
}

// find returns the entry that a record means, or 0.
func (s *sieve) find(name message.Destination, id identity) handle {
	if d := s.x.destinations[name]; d != nil {
		return s.x.find(d, id)
	}
	return 0
}

// part notes an operation of a transaction.
func (s *sieve) part(c *command, kept bool) {
	if c.transaction == nil {
		return
	}
	t := s.begun[string(c.transaction)]
	if t == nil {
		t = &begunTransaction{}
		s.begun[string(c.transaction)] = t
	}
	t.kept = t.kept || kept
}

// keepMessage keeps the records of stored and of prepared messages.
func (s *sieve) keepMessage(c *command, at location) (keep bool) {
	name, id := s.name(c), s.ids.identity(c.id)
	stored := false
	defer func() {
		s.part(c, keep)
		s.reach(id, stored)
	}()
	if c.kind == entryAdd && s.prepared[at.offset] != nil {
		return true // it does not count as the producer's before it is committed
	}
	h := s.find(name, id)
	if h == 0 {
		return false
	}
	e := s.x.slab.get(h)
	first, updated := s.x.updated[h]
	switch {
	case e.location == at:
		s.moves = append(s.moves, move{h: h, old: at.offset})
	case c.kind == entryAdd && updated && first == s.file: // it keeps the message's place
	default:
		return false
	}
	s.impure = s.impure || name.Kind.IsTopic() // others may have acknowledged it
	stored = true
	return true
}

// keepRemoval keeps what ends, or may end, something that is still in a file.
func (s *sieve) keepRemoval(c *command, at location) (keep bool) {
	defer func() { s.part(c, keep) }()
	if s.prepared[at.offset] != nil {
		s.vague = true
		return true
	}
	superfluous := s.removals
	if c.subscription != nil {
		superfluous = s.acks
		if h := s.find(s.name(c), s.ids.identity(c.id)); h != 0 {
			s.targets[s.x.slab.get(h).file] = struct{}{}
			if first, ok := s.x.updated[h]; ok {
				s.targets[first] = struct{}{}
			}
			for _, n := range s.x.repeated[h] {
				s.targets[n] = struct{}{}
			}
			return true
		}
	}
	if !superfluous {
		s.blocked, s.vague = true, true
	}
	return !superfluous
}

// keepOutcome keeps the end, or the preparation, of what was kept.
func (s *sieve) keepOutcome(c *command) bool {
	t := s.begun[string(c.transaction)]
	keep := !s.outcomes || t != nil && t.kept
	if c.kind != entryPrepare {
		delete(s.begun, string(c.transaction))
	}
	s.vague = s.vague || !s.outcomes
	s.blocked = s.blocked || keep && (t == nil || !t.kept)
	return keep
}

// keepEnd keeps the end of a destination or of a subscription, unless nothing
// can be left of it.
func (s *sieve) keepEnd(name message.Destination) bool {
	s.vague = s.vague || s.ends
	s.blocked = s.blocked || s.ends
	return s.ends || s.there(name)
}

// keepWithdrawal keeps what ends an exposure, unless nothing can be left of it.
func (s *sieve) keepWithdrawal(name message.Destination) bool {
	e := s.x.exposures[name]
	return s.conceals || e != nil && e.records.has(s.file)
}

// keepSubscription keeps all that was said about a topic's subscriptions as
// long as the topic is there: they decide which of its messages are kept.
func (s *sieve) keepSubscription(c *command) bool {
	name := s.name(c)
	if c.info == nil {
		return s.keepEnd(name)
	}
	if !s.there(name) {
		return false
	}
	s.sundry = true
	d := s.x.destinations[name]
	if d == nil || d.subscriptions[string(c.subscription)] == nil ||
		!slices.Contains(d.subscriptions[string(c.subscription)].records, s.file) {
		s.impure = true // another record deletes it
	}
	return true
}

// keepTrace keeps our own traces. Sequences and the file's stamp are written
// again.
func (s *sieve) keepTrace(c *command) (keep, again bool) {
	if !bytes.HasPrefix(c.text, []byte(tracePrefix)) {
		return false, false
	}
	text := string(c.text)
	if d, segment, ok := parseExposed(text); ok {
		if segment == 0 {
			return s.keepWithdrawal(d), false
		}
		s.sundry = true
		e := s.x.exposures[d]
		keep = e != nil && e.file == s.file
		if keep {
			s.exposed[d] = true
		}
		return keep, false
	}
	if d, id, n, ok := parseRedelivered(text); ok {
		h := s.find(d, id)
		s.sundry = true
		return h != 0 && s.x.counted[h].file == s.file && int32(s.x.slab.get(h).redeliveries) == n, false
	}
	if producer, sequence, ok := parseSequence(text); ok {
		s.reach(identity{producer, sequence}, false)
		return false, true
	}
	if _, ok := parseStamp(text); ok {
		return false, true
	}
	// Of deletions a list in a later file knows.
	_, replaced := parseReplaced(text)
	return !replaced && !strings.HasPrefix(text, gonePrefix), false
}

// reach notes a producer's sequence.
func (s *sieve) reach(id identity, kept bool) {
	p := s.sequences[id.producer]
	if p == nil {
		producer := id.producer
		p = &reached{seen: -1, kept: -1}
		s.sequences[producer] = p
	}
	s.order++
	p.order = s.order
	p.seen = max(p.seen, id.sequence)
	if kept {
		p.kept = max(p.kept, id.sequence)
	}
}

// conclude says again what only the dropped adds have said: the last sequences
// of producers, the most recent ones. indexMu is held.
func (s *sieve) conclude() (records []byte) {
	for _, t := range s.begun {
		if t.kept {
			s.openKept, s.impure = true, true
		}
	}
	type last struct {
		id message.ProducerID
		*reached
	}
	var carried []last
	for id, p := range s.sequences {
		n, ok := s.x.producers.numbers[id]
		if !ok || s.x.producers.known.at(n).file != s.file {
			continue
		}
		// A message that was rolled back has been seen, and does not count.
		if p.seen = min(p.seen, s.x.producers.known.at(n).last); p.seen > p.kept {
			carried = append(carried, last{id, p})
		}
	}
	slices.SortFunc(carried, func(a, b last) int { return cmp.Compare(a.order, b.order) })
	for _, p := range carried[max(0, len(carried)-maxCarried):] {
		records = appendTrace(records, sequenceText(p.id, p.seen))
	}
	return records
}
