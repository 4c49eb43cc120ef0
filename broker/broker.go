package broker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Lease is what the broker asks of the lock on the store, before it delivers
// or acknowledges anything that the store does not check by itself.
type Lease interface{ Valid() bool }

// Filter is a compiled selector.
type Filter interface {
	// Match reports whether a consumer wants m, which was delivered this often
	// before: JMSRedelivered and JMSXDeliveryCount tell.
	Match(m *message.Message, redeliveries int32) bool
}

// Options says how a Broker works. Name, ID and Store are needed.
type Options struct {
	Name  string           // brokerName
	ID    message.BrokerID // unique for every start of a process
	URL   string           // originBrokerURL in advisories
	Store store.Store
	Lease Lease // nil: always valid
	// LeaseTrust is how long a lease that was valid is not asked again, before
	// deliveries and work that the store does not check; 0 asks each time.
	LeaseTrust time.Duration

	// Policy returns the policy of a destination; nil: DefaultPolicy for all.
	Policy func(message.Destination) Policy
	// ParseSelector compiles a selector; its error is what is wrong with it.
	// nil: consumers with a selector are refused.
	ParseSelector func(string) (Filter, error)

	// MemoryLimit bounds the bytes of messages held in memory; 0 is 1 GiB.
	// (ActiveMQ: memoryUsage)
	MemoryLimit int64
	// SendFailIfNoSpace makes sends fail with ErrResourceAllocation instead of
	// waiting for memory; SendFailIfNoSpaceAfterTimeout after having waited, 0
	// never.
	SendFailIfNoSpace             bool
	SendFailIfNoSpaceAfterTimeout time.Duration
	// TransactionLimit bounds the bytes that one transaction may send before
	// its commit; 0 is half of MemoryLimit.
	TransactionLimit int64
	// ConcurrentStoreAndDispatchQueues lets a message go to a consumer while
	// its write waits. (ActiveMQ: KahaDB's option of that name)
	ConcurrentStoreAndDispatchQueues bool
	// DisableAdvisories is the opposite of advisorySupport.
	DisableAdvisories bool
	// PopulateUserID stamps each message with its connection's user name.
	// (ActiveMQ: populateJMSXUserID)
	PopulateUserID bool

	RoutingOptions
	SchedulerOptions
	SessionOptions
	PluginOptions
	SpaceOptions

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: slog.Default()
}

// defaultMemoryLimit is ActiveMQ's, where there is no heap to take a share of.
const defaultMemoryLimit = 1 << 30

// Broker is one message broker.
type Broker struct {
	options    Options
	name       string
	store      store.Store
	leader     store.Leader // the store, or nil
	lease      leash
	log        *slog.Logger
	now        func() time.Time
	concurrent bool
	space      interface{ Roomy() bool } // the store, if it can say that it has space; else nil
	suspicious bool                      // producers that failed over may send what was delivered and not stored; set by recover

	registry      registry
	departed      departed
	natives       recent // clients that were lost and had not been elsewhere
	routing       routing
	flow          flow
	usage         usage
	queued, heard *usage // fixed; what queues and topics take of it
	quota         quota
	limitsChecked time.Time // the housekeeper's
	advise        advisories
	burials       burials
	bridges       bridges
	hooks         []hook  // fixed; of messages that are sent
	events        *events // fixed; nil: what clients do is not logged
	audits        audits
	branches      branches
	durables      durables
	selectors     selectors
	standing      standing
	patrols       patrols
	kept          atomic.Int64 // bytes that topics keep for retroactive consumers
	sequence      atomic.Int64 // last MessageID.BrokerSequence
	// uncommitted is the bytes that open transactions send.
	uncommitted atomic.Int64
	segment     atomic.Uint32 // highest store.Segment seen
	located     atomic.Bool   // segment has been seen
	stopping    atomic.Bool
	paused      atomic.Bool
	starved     atomic.Bool    // a dispatch was refused because the lease was not valid
	pending     atomic.Int64   // units whose outcome somebody waits for
	drained     chan struct{}  // capacity 1: pending has come to 0 while stopping
	goroutine   sync.WaitGroup // joined by Close
	quiet       chan struct{}  // closed when Close begins
	stop        chan struct{}  // closed when the goroutines are to end
	// never has ended: who waits with it does not wait.
	never context.Context

	schedule   schedule
	duplicates duplicates
	bridged    bridged
	peers      peers
	awaited    awaited

	mu          sync.Mutex
	connections map[message.ConnectionID]*Connection // mu
	clients     map[string]*Connection               // mu; by client id
	closed      bool                                 // mu
}

// New starts a broker on what the store holds.
func New(options Options) (*Broker, error) {
	if options.Store == nil || options.Name == "" || options.ID == "" {
		return nil, errors.New("a broker needs a name, an id and a store")
	}
	b := &Broker{
		options:     options,
		name:        options.Name,
		store:       options.Store,
		lease:       leash{lease: options.Lease, trust: options.LeaseTrust, born: time.Now()},
		log:         cmp.Or(options.Log, slog.Default()),
		now:         options.Now,
		concurrent:  options.ConcurrentStoreAndDispatchQueues,
		drained:     make(chan struct{}, 1),
		quiet:       make(chan struct{}),
		stop:        make(chan struct{}),
		connections: map[message.ConnectionID]*Connection{},
		clients:     map[string]*Connection{},
	}
	if b.now == nil {
		b.now = time.Now
	}
	b.awaited.begin(b.now())
	b.space, _ = options.Store.(interface{ Roomy() bool })
	b.leader, _ = options.Store.(store.Leader)
	ended, end := context.WithCancel(context.Background())
	end()
	b.never = ended
	b.registry.init()
	b.patrols.init(b)
	b.flow.init(b)
	b.usage.limit = cmp.Or(options.MemoryLimit, defaultMemoryLimit)
	b.usage.flow = &b.flow
	b.split()
	b.events = newEvents(options.Logging, b.log)
	b.hooks = options.PluginOptions.hooks()
	b.quota.init(b)
	b.advise.init(b)
	b.audits.init(b)
	b.branches.init(b)
	b.durables.init(b)
	b.schedule.init(b)
	b.duplicates.init(b)
	b.bridged.init(b)
	b.selectors.init(b)
	b.standing.init(b)
	if err := b.routing.init(b); err != nil {
		return nil, err
	}
	if err := b.recover(options.Store.Recovered()); err != nil {
		close(b.stop)
		b.goroutine.Wait()
		return nil, err
	}
	b.furnish()
	b.run(b.flow.loop)
	b.run(b.advise.loop)
	b.run(b.housekeep)
	b.schedule.start()
	b.duplicates.start()
	b.bridged.start()
	if b.options.PurgePeriod > 0 {
		b.run(b.purgeInactive)
	}
	return b, nil
}

// run starts a goroutine that Close joins.
func (b *Broker) run(f func()) {
	b.goroutine.Add(1)
	go func() {
		defer b.goroutine.Done()
		f()
	}()
}

// recover takes up what the store held.
func (b *Broker) recover(state *store.State) error {
	b.sequence.Store(state.LastBrokerSequence)
	b.suspicious = b.concurrent || state.Rival
	for i := range state.Destinations {
		d := &state.Destinations[i]
		if b.schedule.recover(d) || b.duplicates.recover(d) || b.bridged.recover(d) || b.selectors.recover(d) || b.standing.recover(d) {
			continue
		}
		t, _, err := b.create(d.Destination, d)
		if err != nil {
			return err
		}
		b.advise.destination(d.Destination, message.AddDestination, "", nil)
		for j := range d.Subscriptions {
			if topic, ok := t.(*topic); ok {
				b.durables.recover(topic, d, &d.Subscriptions[j])
			}
		}
	}
	b.standing.restore()
	for i := range state.Prepared {
		b.branches.recover(&state.Prepared[i])
	}
	return nil
}

// policy returns a destination's policy, with limits made usable.
func (b *Broker) policy(dest message.Destination) Policy {
	p := DefaultPolicy()
	if b.options.Policy != nil {
		p = b.options.Policy(dest)
	}
	p.MaxPageSize = max(p.MaxPageSize, leastWindow)
	p.MaxPageBytes = max(p.MaxPageBytes, leastWindowBytes)
	if dest.IsAdvisory() {
		p.ProducerFlowControl = false
		p.AdvisoryPolicy = defaultAdvisoryPolicy()
		if p.PendingMessageLimit < 0 {
			p.PendingMessageLimit = maxUnheard
		}
	}
	return p
}

// nowMS is milliseconds since 1970.
func (b *Broker) nowMS() int64 { return b.now().UnixMilli() }

// mayServe reports whether messages may go out and be acknowledged now.
func (b *Broker) mayServe() bool {
	if b.stopping.Load() {
		return false
	}
	if !b.lease.holds() {
		b.starved.Store(true)
		return false
	}
	return true
}

// owned is the error of work that the store does not check.
func (b *Broker) owned() error {
	if !b.lease.holds() {
		return store.ErrLeaseLost
	}
	return nil
}

// housekeeping period.
const tick = time.Second

// housekeep sweeps expired messages, and starts dispatch again that stopped
// while the lease was not valid.
func (b *Broker) housekeep() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
		}
		if b.starved.Swap(false) {
			b.kickAll()
		}
		b.durables.retire()
		b.checkLimits()
		b.sweepDue(b.now())
	}
}

// kickAll dispatches everywhere.
func (b *Broker) kickAll() {
	for _, t := range b.registry.all() {
		switch t := t.(type) {
		case *queue:
			t.kick()
		case *topic:
			t.drain()
		}
	}
	b.durables.kickAll()
}

// Close stops dispatch and refuses new work, lets appended work finish until
// ctx ends, ends the connections, and joins the broker's goroutines. It does
// not close the store, which is to be closed after it.
func (b *Broker) Close(ctx context.Context) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.stopping.Store(true)
	close(b.quiet)
	list := make([]*Connection, 0, len(b.connections))
	for _, c := range b.connections {
		list = append(list, c)
	}
	b.mu.Unlock()
	for _, c := range list {
		c.settle()
	}
	err := b.settled(ctx)
	for _, c := range list {
		c.peer.Fail(ErrClosed)
		c.Close()
	}
	close(b.stop)
	b.awaited.end()
	b.goroutine.Wait()
	if err == nil {
		err = b.conceal(ctx)
	}
	return err
}

// began counts a unit whose outcome somebody waits for.
func (b *Broker) began() { b.pending.Add(1) }

// ended is called when its Done has done everything.
func (b *Broker) ended() {
	if b.pending.Add(-1) == 0 && b.stopping.Load() {
		select {
		case b.drained <- struct{}{}:
		default:
		}
	}
}

// settled waits until there is no such unit.
func (b *Broker) settled(ctx context.Context) error {
	for b.pending.Load() > 0 {
		select {
		case <-b.drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
