package jdbcstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/committer"
)

// segmentBits is how many messages a segment has, as a power of two.
const segmentBits = 12

// segmentOf is never 0, which would be no segment.
func segmentOf(seq store.Seq) store.Segment { return store.Segment(seq>>segmentBits) + 1 }

// Store keeps messages in a PostgreSQL schema. See store.Store for its
// methods.
type Store struct {
	o       Options
	config  *pgxpool.Config
	pool    *pgxpool.Pool
	names   *strings.Replacer
	texts   map[statement]string // fixed
	limits  limits               // fixed
	context context.Context      // ends when the store fails or is closed
	cancel  context.CancelFunc

	recovered *store.State                          // fixed
	inherited map[message.Destination]store.Segment // fixed: exposed by an earlier master
	manyRows  bool                                  // fixed: a subscription may have a row for each priority
	copies    bool                                  // fixed: the table of messages takes COPY

	failed  chan struct{} // closed by fail
	ended   chan struct{} // closed when the committer has ended
	closing chan struct{} // closed by Close
	joined  sync.WaitGroup

	queueMu  sync.Mutex
	backlog  int64                     // queueMu; bytes of what is pending
	lastSeq  store.Seq                 // queueMu
	branches *store.Branches[prepared] // queueMu
	closed   bool                      // queueMu
	closedAt time.Time                 // queueMu
	failure  error                     // queueMu
	full     bool                      // queueMu; the database has no space: additions are refused for a while
	gate     store.Gate                // queueMu; opened when pending shrinks

	stateMu    sync.RWMutex
	readTopics topics                        // stateMu; durable subscriptions
	mixed      map[message.Destination]bool  // stateMu; there may be messages without their priority in its column
	sizes      map[message.Destination]int64 // stateMu; bytes of a message, about

	producers *producers
	recounted atomic.Bool  // there may be redelivery counters
	size      atomic.Int64 // bytes of the tables

	role *committer.Role // with what is pending; its lock is queueMu
	// The committer's, who has the role:
	session *session
	topics  topics
	high    store.Seq         // highest that was given to an Add
	batches int64             // number of the last batch
	counted map[string]bool   // containers that have a row in the table of destinations
	places  map[string][]byte // where those rows are, as far as is known; of containers in counted
	// outOfSpace says that nothing has been added since there was no room.
	outOfSpace bool

	reported sync.Map // IDs of rows that cannot be read, reported already
	reports  atomic.Int64
	// countersLost has it said once that redelivery counters cannot be read.
	countersLost sync.Once
}

var _ store.Store = (*Store)(nil)

// Open takes over the schema: it makes what is missing, reads what it holds
// and starts the committer. The caller owns the schema by its lock before, and
// has taken the epoch that Options.Fence checks.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	config, err := o.poolConfig()
	if err != nil {
		return nil, err
	}
	s := newStore(o, config)
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("jdbcstore: %w", err)
	}
	if err := s.takeOver(ctx); err != nil {
		s.cancel()
		s.pool.Close()
		if s.session != nil {
			s.session.close()
		}
		return nil, fmt.Errorf("jdbcstore: %w", err)
	}
	go s.commit()
	s.joined.Go(s.janitor)
	if o.Lease != nil {
		s.joined.Go(s.watch)
	}
	return s, nil
}

func newStore(o Options, config *pgxpool.Config) *Store {
	s := &Store{
		o: o, config: config, names: o.Tables.replacer(), texts: map[statement]string{},
		limits:    limits{length(o.Tables.ContainerType), length(o.Tables.MessageIDType), length(o.Tables.StringType)},
		inherited: map[message.Destination]store.Segment{},
		failed:    make(chan struct{}), ended: make(chan struct{}), closing: make(chan struct{}),
		readTopics: topics{}, producers: newProducers(),
		counted: map[string]bool{}, places: map[string][]byte{}, mixed: map[message.Destination]bool{}, sizes: map[message.Destination]int64{},
	}
	s.branches = store.NewBranches(s.holdLocked)
	s.role = committer.NewRole(&s.queueMu, committer.Company{Longest: longestWait})
	s.context, s.cancel = context.WithCancel(context.Background())
	for name, text := range statements {
		s.texts[name] = s.names.Replace(text)
	}
	return s
}

func (s *Store) epoch() uint64 {
	if s.o.Lease == nil {
		return 0
	}
	return s.o.Lease.Epoch()
}

// Recovered says what the schema held; see store.Store.
func (s *Store) Recovered() *store.State { return s.recovered }

// Size is the bytes that the tables take, as of the last look.
func (s *Store) Size() int64 { return s.size.Load() }

// Failed is closed when the store can take no more.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// watch fails the store when its lease is lost, whatever the committer waits
// for.
func (s *Store) watch() {
	select {
	case <-s.o.Lease.Lost():
		s.fail(store.ErrLeaseLost)
	case <-s.closing:
	}
}

// Close waits until every appended unit is done, then ends the sessions. It
// waits for a database that has gone for closePatience.
func (s *Store) Close() error {
	s.queueMu.Lock()
	if !s.closed {
		s.closed, s.closedAt = true, time.Now()
		close(s.closing)
		s.gate.Open()
	}
	s.queueMu.Unlock()
	s.role.Wake()
	<-s.ended
	s.joined.Wait()
	if s.session != nil {
		s.session.close()
	}
	s.cancel()
	s.pool.Close()
	return nil
}

// closingFor is for how long the store has been waiting to be closed, with the
// pause that follows.
func (s *Store) closingFor(pause time.Duration) time.Duration {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	return time.Since(s.closedAt) + pause
}

// committedTopics is a copy of what readers see.
func (s *Store) committedTopics() topics {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	return s.readTopics.copy()
}

// mix notes that a destination has messages without their priority in its
// column.
func (s *Store) mix(dest message.Destination) {
	s.stateMu.RLock()
	mixed := s.mixed[dest]
	s.stateMu.RUnlock()
	if !mixed {
		s.stateMu.Lock()
		s.mixed[dest] = true
		s.stateMu.Unlock()
	}
}
