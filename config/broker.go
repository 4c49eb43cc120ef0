package config

import "path/filepath"

// Broker is the <broker> element. (ActiveMQ: BrokerService)
type Broker struct {
	BrokerName    string `config:"brokerName"`
	DataDirectory string `config:"dataDirectory"`
	// Persistent false keeps messages in memory alone and takes no lock.
	Persistent bool `config:"persistent"`
	// AdvisorySupport false sends no advisory messages.
	AdvisorySupport bool `config:"advisorySupport"`
	// PopulateJMSXUserID stamps each message with its sender's user name.
	PopulateJMSXUserID bool `config:"populateJMSXUserID"`
	// RestartAllowed false ends the process when the lock is lost, instead of
	// making it a slave.
	RestartAllowed bool `config:"restartAllowed"`
	// HotStandby false has a slave begin to read the journal when it has the
	// lock, instead of following it before. Not in ActiveMQ.
	HotStandby bool `config:"hotStandby"`
	// AllowUnsafeStorage names checks of the storage, "a,b", whose finding
	// does not keep the broker from starting. Not in ActiveMQ.
	AllowUnsafeStorage string `config:"allowUnsafeStorage"`

	PersistenceAdapter  PersistenceAdapter   `config:"persistenceAdapter"`
	TransportConnectors []TransportConnector `config:"transportConnectors,item=transportConnector"`
	DestinationPolicy   DestinationPolicy    `config:"destinationPolicy"`
	SystemUsage         SystemUsage          `config:"systemUsage"`
	Plugins             Plugins              `config:"plugins"`

	BrokerDestinations
	BrokerScheduler
	BrokerSessions
	BrokerAdvisories
	BrokerSpace
}

func (b *Broker) setDefaults() {
	b.BrokerName = "localhost"
	b.DataDirectory = "activemq-data"
	b.Persistent = true
	b.AdvisorySupport = true
	b.RestartAllowed = true
	b.HotStandby = true
	b.SystemUsage.setDefaults()
	b.BrokerDestinations.setDefaults()
	b.BrokerScheduler.setDefaults()
	b.BrokerSessions.setDefaults()
	b.BrokerAdvisories.setDefaults()
	b.BrokerSpace.setDefaults()
}

// Database is the store's configuration if it is a database, else nil.
func (b *Broker) Database() *JDBC {
	if !b.Persistent {
		return nil
	}
	return b.PersistenceAdapter.JDBC
}

// StoreDirectory is where the message store is, "" if it is not on disk. As in
// ActiveMQ it is <dataDirectory>/<brokerName>/KahaDB when no adapter is given,
// and activemq-data/KahaDB when the adapter does not say.
func (b *Broker) StoreDirectory() string {
	if !b.Persistent || b.Database() != nil {
		return ""
	}
	if k := b.PersistenceAdapter.KahaDB; k != nil {
		return k.Directory
	}
	return filepath.Join(b.DataDirectory, b.BrokerName, "KahaDB")
}

func (Broker) others() others {
	return others{
		"brokerContext":                absent(reasonJava),
		"brokerId":                     absent("the id is unique for every start of a process"),
		"brokerObjectName":             absent(reasonJava),
		"dedicatedTaskRunner":          tuned("false", reasonThreads),
		"deleteAllMessagesOnStartup":   refused("false", "a slave that takes over would delete the master's messages; remove the directory instead"),
		"forceStart":                   absent("a slave never starts without the lock"),
		"ioExceptionHandler":           absent("a failed write ends the mastership and a full disk blocks producers; neither can be set"),
		"jmsBridgeConnectors":          absent(reasonLater),
		"managementContext":            absent(reasonJava + ", so there is no JMX"),
		"mbeanInvocationTimeout":       tuned("0", reasonJava),
		"messageAuthorizationPolicy":   absent(reasonLater),
		"monitorConnectionSplits":      tuned("false", reasonThreads),
		"networkConnectorStartAsync":   tuned("false", "network connectors are not available yet"),
		"networkConnectors":            absent(reasonLater),
		"passiveSlave":                 refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"persistenceFactory":           absent(reasonLater),
		"persistenceThreadPriority":    tuned("10", reasonThreads),
		"populateUserNameInMBeans":     tuned("false", reasonJava),
		"proxyConnectors":              absent(reasonLater),
		"services":                     absent(reasonPlugins),
		"shutdownHooks":                absent(reasonPlugins),
		"shutdownOnMasterFailure":      refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"shutdownOnSlaveFailure":       refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"sslContext":                   absent("TLS is not available yet"),
		"start":                        refused("true", "the process is there to run the broker"),
		"startAsync":                   tuned("false", "a slave waits beside its control socket already"),
		"storeOpenWireVersion":         tuned("11", "messages are stored in version 11, which every ActiveMQ reads"),
		"systemExitOnShutdown":         tuned("false", "the process ends with the broker"),
		"systemExitOnShutdownExitCode": refused("0", "exit codes are documented in the README"),
		"taskRunnerFactory":            absent(reasonThreads),
		"taskRunnerPriority":           tuned("5", reasonThreads),
		"transportConnectorURIs":       absent("write them as transportConnectors"),
		"networkConnectorURIs":         absent(reasonLater),
		"useJmx":                       tuned("true", reasonJava),
		"useLocalHostBrokerName":       refused("false", "write brokerName: ${HOSTNAME}"),
		"useLoggingForShutdownErrors":  tuned("false", "errors are always logged"),
		"useShutdownHook":              refused("true", "SIGTERM always stops cleanly"),
		"virtualThreadTaskRunner":      tuned("false", reasonThreads),
		"vmConnectorURI":               absent(reasonJava),
		"waitForSlave":                 refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"waitForSlaveTimeout":          refused("600000", "it belonged to pure master/slave, which ActiveMQ has removed"),
	}
}
