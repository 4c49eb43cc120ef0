package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/console"
	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/network"
	"github.com/conclavemq/conclave/network/discovery"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/transport"
	"github.com/conclavemq/conclave/transport/openwire"
)

// bootstrap makes a master: lease → store → broker → ports.
type bootstrap struct {
	config *config.Broker
	log    *slog.Logger
	began  time.Time // of the process
	// follower has read the journal while this process was a slave; nil if it
	// has not.
	follower *journal.Follower
	journal  atomic.Pointer[journal.Journal] // once it is open
	suitable *suitability                    // of the storage; nil if there is none
	serving  atomic.Pointer[master]
	database databaseLocker                 // nil if the store is in no database
	console  atomic.Pointer[console.Server] // nil: there is none
}

// newFollower makes what follows the journal while this process is a slave;
// nil if nothing shall.
func newFollower(c *config.Broker, log *slog.Logger) (*journal.Follower, error) {
	if !c.Persistent || !c.HotStandby || c.Database() != nil {
		return nil, nil
	}
	return journal.Follow(journal.FollowOptions{Directory: kahaDB(c).Directory, Log: log})
}

// follow is node.Options.Follow.
func (b *bootstrap) follow() func(context.Context) {
	if b.follower == nil {
		return nil
	}
	return b.follower.Run
}

// master is a serving broker. It implements node.Service.
type master struct {
	name      string
	id        message.BrokerID
	log       *slog.Logger
	began     time.Time
	store     store.Store
	broker    *broker.Broker
	listeners []*transport.Listener
	start     control.Start // how it went
	lease     store.Lease   // nil if there is no lock
	served    time.Time     // when the ports were open
	list      func()        // ends the file of the destinations

	network     *network.Network
	known       atomic.Pointer[string]  // address, when the ports are open
	advertisers []*discovery.Advertiser // fixed when the ports are open
}

// start implements node.Options.Start.
func (b *bootstrap) start(ctx context.Context, lease store.Lease) (node.Service, error) {
	var took stopwatch
	took.begin(time.Now())
	m := &master{name: b.config.BrokerName, id: newBrokerID(), log: b.log, began: b.began, lease: lease}
	if url := b.url(); url != "" {
		m.known.Store(&url)
	}
	err := b.suitable.tryLock(ctx, lease)
	if err != nil {
		return nil, err
	}
	if m.store, err = b.openStore(ctx, lease); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	took.lap(&took.store)
	b.log.Info("Conclave is starting to serve", "version", fullVersion(), "broker", m.name, "id", string(m.id))
	if m.broker, err = b.newBroker(m, lease); err != nil {
		return nil, errors.Join(fmt.Errorf("start broker: %w", err), m.store.Close())
	}
	took.lap(&took.broker)
	m.network = network.New(network.Options{Broker: m.broker, BrokerURL: m.address, Self: m.URIs, Log: b.log})
	if err = b.listen(ctx, m); err != nil {
		m.Silence()
		m.network.Stop()
		return nil, errors.Join(err, m.broker.Close(ctx), m.store.Close())
	}
	m.list = newDestinationFile(b.config, b.log).keep(m.broker, lease)
	took.lap(&took.ports)
	s := &m.start
	*s = control.Start{TakeoverMS: took.total(), StoreMS: took.store, BrokerMS: took.broker, PortsMS: took.ports}
	noteOpening(s, m)
	m.served = took.last
	b.serving.Store(m)
	b.log.Info("Conclave started", "version", fullVersion(), "broker", m.name, "id", string(m.id),
		"epoch", epochOf(lease), "takeoverMS", s.TakeoverMS, "storeMS", s.StoreMS, "index", s.Index, "snapshotMS", s.SnapshotMS,
		"tailMS", s.TailMS, "tailBytes", s.TailBytes, "inheritMS", s.InheritMS, "brokerMS", s.BrokerMS, "portsMS", s.PortsMS)
	return m, nil
}

func (b *bootstrap) openStore(ctx context.Context, lease store.Lease) (store.Store, error) {
	if !b.config.Persistent {
		return memory.New(), nil
	}
	if j := b.config.Database(); j != nil {
		return b.openDatabase(ctx, j, lease)
	}
	k := kahaDB(b.config)
	b.log.Info("Using Persistence Adapter: KahaDBPersistenceAdapter[" + k.Directory + "]")
	options := journal.Options{
		Directory:         k.Directory,
		Lease:             lease,
		Follower:          b.follower,
		MaxFileLength:     k.JournalMaxFileLength,
		MaxWriteBatchSize: int(k.JournalMaxWriteBatchSize),
		DiskSync:          diskSyncs[k.JournalDiskSyncStrategy],
		DiskSyncInterval:  k.JournalDiskSyncInterval,
		CleanupInterval:   k.CleanupInterval,
		NoCompaction:      !k.EnableAckCompaction,
		CompactAfter:      k.CompactAcksAfterNoGC,
		NoChecksum:        !k.ChecksumJournalFiles,
		NoPreallocation:   k.PreallocationScope == "NONE",
		MaxPending:        pendingBatches * k.JournalMaxWriteBatchSize,
		FailIfNoSpace:     b.config.SystemUsage.SendFailIfNoSpace,
		Log:               b.log,
	}
	if k.CompactAcksIgnoresStoreGrowth {
		options.CompactRate = -1
	}
	if options.CleanupInterval == 0 {
		options.CleanupInterval = -1 // never, as in ActiveMQ
	}
	j, err := journal.Open(options)
	if err != nil {
		return nil, err
	}
	b.journal.Store(j)
	return j, nil
}

// hold is what control.Server.AllowHolds wants.
func (b *bootstrap) hold(ctx context.Context) (*journal.Hold, error) {
	j := b.journal.Load()
	if j == nil {
		return nil, errors.New("this broker is not the master, or has no journal")
	}
	return j.Hold(ctx)
}

// pendingBatches is how many full batches may wait for the committer before
// producers do: one is gathered while the other is written; and a message that waits takes
// four times its size in memory.
const pendingBatches = 2

var diskSyncs = map[string]journal.DiskSync{
	"ALWAYS": journal.Always, "PERIODIC": journal.Periodic, "NEVER": journal.Never,
}

// leaseTrust is short beside the lease's safety margin and beside what a
// message waits in a socket.
const leaseTrust = time.Millisecond

func (b *bootstrap) newBroker(m *master, lease store.Lease) (*broker.Broker, error) {
	c := b.config
	space, err := spaceOptions(c, m.store.Size(), b.log)
	if err != nil {
		return nil, err
	}
	options := broker.Options{
		Name:                             m.name,
		ID:                               m.id,
		URL:                              b.url(),
		Store:                            m.store,
		Policy:                           policies(&c.DestinationPolicy.PolicyMap),
		ParseSelector:                    parseSelector,
		MemoryLimit:                      memoryLimit(c, b.log),
		SendFailIfNoSpace:                c.SystemUsage.SendFailIfNoSpace,
		SendFailIfNoSpaceAfterTimeout:    c.SystemUsage.SendFailIfNoSpaceAfterTimeout,
		ConcurrentStoreAndDispatchQueues: c.Persistent && c.Database() == nil && kahaDB(c).ConcurrentStoreAndDispatchQueues,
		DisableAdvisories:                !c.AdvisorySupport,
		PopulateUserID:                   c.PopulateJMSXUserID,
		RoutingOptions:                   routingOptions(c),
		SchedulerOptions:                 schedulerOptions(c),
		SessionOptions:                   sessionOptions(c),
		PluginOptions:                    pluginOptions(c),
		SpaceOptions:                     space,
		Log:                              b.log,
	}
	if c.SchedulerSupport {
		warnOfJobs(c, b.log)
	}
	options.Destinations = append(options.Destinations, newDestinationFile(c, b.log).read()...)
	if lease != nil {
		options.Lease, options.LeaseTrust = lease, leaseTrust
	}
	return broker.New(options)
}

// url is address, as far as it is known before the ports are open.
func (b *bootstrap) url() string {
	url := ""
	for i := range b.config.TransportConnectors {
		r, err := readConnector(&b.config.TransportConnectors[i])
		if err != nil || !r.config.AutoStart || r.uri.Port == 0 {
			continue
		}
		if r.cluster.Update {
			return r.published.URI(r.uri, r.uri.Port)
		}
		if url == "" {
			url = r.published.URI(r.uri, r.uri.Port)
		}
	}
	return url
}

// listen opens the ports, unless ctx has ended.
func (b *bootstrap) listen(ctx context.Context, m *master) error {
	var opened []*connector
	for i := range b.config.TransportConnectors {
		c := &b.config.TransportConnectors[i]
		if !c.AutoStart {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := readConnector(c)
		if err != nil {
			return err
		}
		if err := b.open(m, r); err != nil {
			return err
		}
		opened = append(opened, r)
	}
	m.publish(opened)
	b.advertise(m, opened)
	return b.connect(m)
}

// open opens one connector's port.
func (b *bootstrap) open(m *master, r *connector) error {
	protocol := openwire.New(openwire.Options{
		URI: r.uri, Broker: m.broker, BrokerName: m.name, BrokerID: m.id, BrokerURL: m.address, Cluster: r.cluster,
		Bridges:                              bridges{m.network},
		MaximumProducersAllowedPerConnection: r.config.MaximumProducersAllowedPerConnection,
		MaximumConsumersAllowedPerConnection: r.config.MaximumConsumersAllowedPerConnection,
		WarnOnRemoteClose:                    r.config.WarnOnRemoteClose,
		AllowLinkStealing:                    r.config.AllowLinkStealing || r.uri.AllowLinkStealing,
		ProviderVersion:                      fullVersion(),
		Log:                                  b.log,
	})
	l, err := transport.Listen(transport.Options{Name: r.config.Name, URI: r.uri, Protocol: protocol, Published: r.published, Log: b.log})
	if err != nil {
		return err
	}
	b.log.Info("Listening for connections at: " + l.PublishedURI())
	m.listeners = append(m.listeners, l)
	if r.cluster.Update {
		m.inform(protocol)
	}
	return nil
}
