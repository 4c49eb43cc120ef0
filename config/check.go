package config

import (
	"reflect"
	"regexp"
	"strings"
	"time"
)

// illegalName is what ActiveMQ does not allow in a brokerName and replaces.
var illegalName = regexp.MustCompile(`[^a-zA-Z0-9._\-:]`)

// Bounds of attributes that are used as sizes.
const (
	minFileLength = 16 << 10
	maxFileLength = 1 << 30
	maxPending    = 1<<31 - 1
)

// check finds what is wrong between attributes and with their ranges.
func (b *binder) check(c *Config) {
	broker := &c.Broker
	if c.Console != nil {
		c.Console.check(b, "console")
	}
	b.checkName(broker)
	b.checkConnectors(broker)
	if k := broker.PersistenceAdapter.KahaDB; k != nil && broker.Persistent {
		b.checkKahaDB(k)
	}
	if j := broker.PersistenceAdapter.JDBC; j != nil && broker.Persistent {
		b.checkJDBC(broker, j)
	}
	b.checkUsage(&broker.SystemUsage)
	b.checkEmbedded(broker, "broker")
	b.checkEmbedded(&broker.Plugins, "broker.plugins")
	if broker.Plugins.Redelivery != nil && !broker.SchedulerSupport {
		b.bad("broker.plugins.redeliveryPlugin", "requires schedulerSupport: true on the broker")
	}
	policies := &broker.DestinationPolicy.PolicyMap
	for i := range policies.Entries {
		path := index("broker.destinationPolicy.policyMap.policyEntries", i)
		b.checkPattern(&policies.Entries[i], path)
		b.checkPolicy(&policies.Entries[i], path)
	}
	if policies.Default != nil {
		b.checkPolicy(policies.Default, "broker.destinationPolicy.policyMap.defaultEntry")
	}
}

func (b *binder) checkName(broker *Broker) {
	const path = "broker.brokerName"
	if broker.BrokerName == "" || len(broker.BrokerName) > 200 {
		b.bad(path, "must have 1 to 200 characters")
		return
	}
	if clean := illegalName.ReplaceAllString(broker.BrokerName, "_"); clean != broker.BrokerName {
		b.warnings = append(b.warnings, path+": "+broker.BrokerName+
			" has characters other than a-z, A-Z, 0-9, '.', '_', '-' and ':'; it becomes "+clean)
		broker.BrokerName = clean
	}
}

func (b *binder) checkConnectors(broker *Broker) {
	const path = "broker.transportConnectors"
	started := 0
	names := make(map[string]bool)
	for i := range broker.TransportConnectors {
		c := &broker.TransportConnectors[i]
		c.URI = strings.TrimSpace(c.URI)
		if c.URI == "" {
			b.bad(index(path, i), "needs a uri, such as tcp://0.0.0.0:61616")
		}
		if c.Name == "" {
			c.Name = c.URI
		}
		if names[c.Name] {
			b.bad(index(path, i), "is a second connector called "+c.Name)
		}
		names[c.Name] = true
		if c.AutoStart {
			started++
		}
		b.checkEmbedded(c, index(path, i))
	}
	if started == 0 {
		b.bad(path, "has no connector that is started: nobody could reach the broker, "+
			"since vm:// exists only within a Java virtual machine")
	}
}

func (b *binder) checkKahaDB(k *KahaDB) {
	const path = "broker.persistenceAdapter.kahaDB"
	if strings.TrimSpace(k.Directory) == "" {
		b.bad(path+".directory", "is empty")
	}
	b.within(path+".journalMaxFileLength", k.JournalMaxFileLength, minFileLength, maxFileLength)
	b.within(path+".journalMaxWriteBatchSize", k.JournalMaxWriteBatchSize, 4<<10, maxFileLength)
	b.notNegative(path+".journalDiskSyncInterval", k.JournalDiskSyncInterval)
	b.notNegative(path+".cleanupInterval", k.CleanupInterval)
	b.notNegative(path+".lockKeepAlivePeriod", k.LockKeepAlivePeriod)
	b.notNegative(path+".databaseLockedWaitDelay", k.DatabaseLockedWaitDelay)
	if s := k.Locker.SharedFile; s != nil {
		b.notNegative(path+".locker.shared-file-locker.lockAcquireSleepInterval", s.LockAcquireSleepInterval)
	}
}

func (b *binder) checkPattern(p *PolicyEntry, path string) {
	patterns := 0
	for _, pattern := range []string{p.Queue, p.Topic, p.TempQueue, p.TempTopic} {
		if pattern != "" {
			patterns++
		}
	}
	if patterns != 1 {
		b.bad(path, "needs exactly one of queue, topic, tempQueue and tempTopic")
	}
}

func (b *binder) checkPolicy(p *PolicyEntry, path string) {
	b.checkEmbedded(p, path)
	b.notNegative(path+".blockedProducerWarningInterval", p.BlockedProducerWarningInterval)
	if c := p.PendingMessageLimitStrategy.Constant; c != nil {
		b.within(path+".pendingMessageLimitStrategy.constantPendingMessageLimitStrategy.limit", int64(c.Limit), -1, maxPending)
	}
	p.DeadLetterStrategy.check(b, path+".deadLetterStrategy")
	b.within(path+".maxPageSize", int64(p.MaxPageSize), 0, 1<<20)
	b.notNegative(path+".expireMessagesPeriod", p.ExpireMessagesPeriod)
	b.checkTopicsOwn(p, path)
}

// checker is an embedded part of the model that has something to check.
type checker interface{ check(b *binder, path string) }

// checkEmbedded checks the parts that are embedded in the struct model points
// to. path is the one of that struct.
func (b *binder) checkEmbedded(model any, path string) {
	v := reflect.ValueOf(model).Elem()
	for i := range v.NumField() {
		if !v.Type().Field(i).Anonymous {
			continue
		}
		if c, ok := v.Field(i).Addr().Interface().(checker); ok {
			c.check(b, path)
		}
	}
}

// bad reports what is wrong at a path, where it or what is above it was
// written.
func (b *binder) bad(path, detail string) {
	at := path
	for at != "" {
		if _, ok := b.origins[at]; ok {
			break
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	b.fail(fault(b.origins[at], path, ErrValue, "%s", detail))
}

func (b *binder) within(path string, n, low, high int64) {
	if n < low || n > high {
		b.fail(fault(b.origins[path], path, ErrValue, "%d is not within %d and %d", n, low, high))
	}
}

func (b *binder) notNegative(path string, d time.Duration) {
	if d < 0 {
		b.fail(fault(b.origins[path], path, ErrValue, "must not be negative"))
	}
}
