package config

import (
	"regexp"
	"strings"
	"time"
)

// MessagePlugins are the plugins that look at messages, or change them.
type MessagePlugins struct {
	TimeStamping         *TimeStampingBrokerPlugin         `config:"timeStampingBrokerPlugin"`
	Statistics           *StatisticsBrokerPlugin           `config:"statisticsBrokerPlugin"`
	DiscardingDLQ        *DiscardingDLQBrokerPlugin        `config:"discardingDLQBrokerPlugin"`
	ForcePersistencyMode *ForcePersistencyModeBrokerPlugin `config:"forcePersistencyModeBrokerPlugin"`
	TraceBrokerPath      *TraceBrokerPathPlugin            `config:"traceBrokerPathPlugin"`
	Logging              *LoggingBrokerPlugin              `config:"loggingBrokerPlugin"`
}

func (p *MessagePlugins) setDefaults() {
}

func (MessagePlugins) others() others { return nil }

func (p *MessagePlugins) check(b *binder, path string) {
	if s := p.TimeStamping; s != nil {
		b.notNegative(path+".timeStampingBrokerPlugin.zeroExpirationOverride", s.ZeroExpirationOverride)
		b.notNegative(path+".timeStampingBrokerPlugin.ttlCeiling", s.TTLCeiling)
	}
	if d := p.DiscardingDLQ; d != nil {
		if _, err := d.Expressions(); err != nil {
			b.bad(path+".discardingDLQBrokerPlugin.dropOnly", err.Error())
		}
	}
}

// TimeStampingBrokerPlugin replaces clients' times by the broker's.
type TimeStampingBrokerPlugin struct {
	ZeroExpirationOverride time.Duration `config:"zeroExpirationOverride"` // 0: for ever
	TTLCeiling             time.Duration `config:"ttlCeiling"`             // 0: none
	FutureOnly             bool          `config:"futureOnly"`
	ProcessNetworkMessages bool          `config:"processNetworkMessages"`
}

func (TimeStampingBrokerPlugin) others() others { return nil }

// StatisticsBrokerPlugin answers messages to ActiveMQ.Statistics.*.
type StatisticsBrokerPlugin struct{}

func (StatisticsBrokerPlugin) others() others { return nil }

// DiscardingDLQBrokerPlugin drops dead letters by where they come from.
type DiscardingDLQBrokerPlugin struct {
	DropAll             bool   `config:"dropAll"`
	DropTemporaryTopics bool   `config:"dropTemporaryTopics"`
	DropTemporaryQueues bool   `config:"dropTemporaryQueues"`
	DropOnly            string `config:"dropOnly"`       // expressions between spaces
	ReportInterval      int    `config:"reportInterval"` // messages
}

func (p *DiscardingDLQBrokerPlugin) setDefaults() {
	p.DropAll = true
	p.DropTemporaryTopics = true
	p.DropTemporaryQueues = true
	p.ReportInterval = 1000
}

func (DiscardingDLQBrokerPlugin) others() others {
	return others{"destFilter": absent("write it as dropOnly")}
}

// Expressions compiles what DropOnly lists.
func (p *DiscardingDLQBrokerPlugin) Expressions() ([]*regexp.Regexp, error) {
	var list []*regexp.Regexp
	for _, text := range strings.Fields(p.DropOnly) {
		e, err := regexp.Compile(`^(?:` + text + `)$`)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// ForcePersistencyModeBrokerPlugin makes every message persistent, or none.
type ForcePersistencyModeBrokerPlugin struct {
	PersistenceFlag bool `config:"persistenceFlag"`
}

func (ForcePersistencyModeBrokerPlugin) others() others { return nil }

// TraceBrokerPathPlugin adds the broker's name to a property of each message.
type TraceBrokerPathPlugin struct {
	StampProperty string `config:"stampProperty"`
}

func (p *TraceBrokerPathPlugin) setDefaults() { p.StampProperty = "BrokerPath" }

func (TraceBrokerPathPlugin) others() others { return nil }

// LoggingBrokerPlugin logs what clients do.
type LoggingBrokerPlugin struct {
	LogAll               bool `config:"logAll"`
	LogConnectionEvents  bool `config:"logConnectionEvents"`
	LogSessionEvents     bool `config:"logSessionEvents"`
	LogTransactionEvents bool `config:"logTransactionEvents"`
	LogConsumerEvents    bool `config:"logConsumerEvents"`
	LogProducerEvents    bool `config:"logProducerEvents"`
	LogInternalEvents    bool `config:"logInternalEvents"`
	PerDestinationLogger bool `config:"perDestinationLogger"`
}

func (p *LoggingBrokerPlugin) setDefaults() {
	p.LogConnectionEvents = true
	p.LogSessionEvents = true
}

func (LoggingBrokerPlugin) others() others { return nil }
