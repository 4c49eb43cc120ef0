package jdbcstore

import (
	"container/list"
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/message"
)

const (
	// maxProducers is how many producers are remembered in memory; the
	// database knows the others.
	maxProducers = 65536
	// maxFan is for how many destinations of one message no query is made.
	maxFan = 64
)

// producers remembers the sequences of the producers that were used last.
type producers struct {
	mu      sync.Mutex
	byUse   *list.List                           // mu; of *producer, most recent first
	entries map[message.ProducerID]*list.Element // mu
}

// producer is what is known of one.
type producer struct {
	id   message.ProducerID
	name string
	// known says that noted and stored are not lower than in the database;
	// the committer sets it, under producers.mu.
	known  bool
	asked  bool  // the committer's
	stored int64 // producers.mu; of what is durable
	// The committer's:
	noted    int64                 // of what it has seen
	at       []message.Destination // where noted was added, in this process
	recorded int64                 // of what is in the table of producers
	place    []byte                // where its row is there, as far as is known
}

func newProducers() *producers {
	return &producers{byUse: list.New(), entries: map[message.ProducerID]*list.Element{}}
}

// get returns a producer's entry, which may be a new one that is not known.
func (p *producers) get(id message.ProducerID) *producer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[id]; e != nil {
		p.byUse.MoveToFront(e)
		return e.Value.(*producer)
	}
	if p.byUse.Len() >= maxProducers {
		oldest := p.byUse.Remove(p.byUse.Back()).(*producer)
		delete(p.entries, oldest.id)
	}
	k := &producer{id: id, name: producerName(id), stored: -1, noted: -1, recorded: -1}
	p.entries[id] = p.byUse.PushFront(k)
	return k
}

// learn takes in what the database knows of a producer.
func (p *producers) learn(k *producer, last int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.stored, k.noted, k.known = max(k.stored, last), max(k.noted, last), true
}

// last is the highest durable sequence of a producer, if it is known.
func (p *producers) last(id message.ProducerID) (sequence int64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[id]; e != nil {
		k := e.Value.(*producer)
		return k.stored, k.known
	}
	return -1, false
}

// reached is the highest durable sequence of a producer.
func (p *producers) reached(k *producer) (sequence int64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return k.stored, k.known
}

// store records that a message is durable.
func (p *producers) store(id *message.MessageID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[id.Producer]; e != nil {
		k := e.Value.(*producer)
		k.stored = max(k.stored, id.ProducerSequence)
	}
}

// note records that the committer is to add a message, and reports whether it
// may be in that destination already.
func (k *producer) note(sequence int64, dest message.Destination) (doubtful bool) {
	if sequence > k.noted {
		k.noted, k.at = sequence, append(k.at[:0], dest)
		return false
	}
	if sequence == k.noted && len(k.at) > 0 && len(k.at) < maxFan && !slices.Contains(k.at, dest) {
		k.at = append(k.at, dest)
		return false
	}
	return true
}

// Producers calls each with the producers whose last messages have gone, and
// their last sequences, first those that have been silent for longest. Its
// error ends the listing.
func (s *Store) Producers(ctx context.Context, each func(id message.ProducerID, last int64) error) error {
	rows, err := s.pool.Query(ctx, s.names.Replace(`SELECT PRODUCER, LAST_SEQ FROM {producers} ORDER BY TOUCHED`))
	if err != nil {
		return err
	}
	var name string
	var last int64
	_, err = pgx.ForEachRow(rows, []any{&name, &last}, func() error {
		if id, err := message.ParseProducerID(name); err == nil {
			return each(id, last)
		}
		return nil // nobody will ask for it
	})
	return err
}
