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
}

func (b *Broker) setDefaults() {
	b.BrokerName = "localhost"
	b.DataDirectory = "activemq-data"
	b.Persistent = true
	b.AdvisorySupport = true
	b.RestartAllowed = true
	b.HotStandby = true
	b.SystemUsage.setDefaults()
}

// StoreDirectory is where the message store is, "" if there is none. As in
// ActiveMQ it is <dataDirectory>/<brokerName>/KahaDB when no adapter is given,
// and activemq-data/KahaDB when the adapter does not say.
func (b *Broker) StoreDirectory() string {
	if !b.Persistent {
		return ""
	}
	if k := b.PersistenceAdapter.KahaDB; k != nil {
		return k.Directory
	}
	return filepath.Join(b.DataDirectory, b.BrokerName, "KahaDB")
}

func (Broker) others() others {
	return others{
		"adjustUsageLimits":                          tuned("true", "limits are kept as they are given"),
		"allowTempAutoCreationOnSend":                refused("false", reasonLater),
		"anonymousProducerAdvisorySupport":           refused("false", reasonLater),
		"brokerContext":                              absent(reasonJava),
		"brokerId":                                   absent("the id is unique for every start of a process"),
		"brokerObjectName":                           absent(reasonJava),
		"cacheTempDestinations":                      tuned("false", "temporary destinations need no cache"),
		"consumerSystemUsage":                        absent("one limit holds for producers and consumers"),
		"consumerSystemUsagePortion":                 refused("40", "one limit holds for producers and consumers"),
		"dedicatedTaskRunner":                        tuned("false", reasonThreads),
		"deleteAllMessagesOnStartup":                 refused("false", "a slave that takes over would delete the master's messages; remove the directory instead"),
		"destinationInterceptors":                    absent(reasonLater),
		"destinations":                               absent("destinations come into being when they are used"),
		"diskUsageCheckRegrowThreshold":              refused("-1", reasonLater),
		"enableMessageExpirationOnActiveDurableSubs": refused("false", reasonLater),
		"enableStatistics":                           tuned("true", "statistics are always kept"),
		"forceStart":                                 absent("a slave never starts without the lock"),
		"ioExceptionHandler":                         absent("a failed write ends the mastership and a full disk blocks producers; neither can be set"),
		"jmsBridgeConnectors":                        absent(reasonLater),
		"jobSchedulerStore":                          absent(reasonLater),
		"keepDurableSubsActive":                      refused("true", reasonLater),
		"managementContext":                          absent(reasonJava + ", so there is no JMX"),
		"maxInflatedDataSize":                        refused("104857600", reasonLater),
		"maxPurgedDestinationsPerSweep":              refused("0", reasonLater),
		"maxSchedulerRepeatAllowed":                  refused("1000", reasonLater),
		"maxUncommittedCount":                        refused("0", reasonLater),
		"mbeanInvocationTimeout":                     tuned("0", reasonJava),
		"messageAuthorizationPolicy":                 absent(reasonLater),
		"monitorConnectionSplits":                    tuned("false", reasonThreads),
		"networkConnectorStartAsync":                 tuned("false", "network connectors are not available yet"),
		"networkConnectors":                          absent(reasonLater),
		"offlineDurableSubscriberTaskSchedule":       refused("300000", reasonLater),
		"offlineDurableSubscriberTimeout":            refused("-1", reasonLater),
		"passiveSlave":                               refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"persistenceFactory":                         absent(reasonLater),
		"persistenceThreadPriority":                  tuned("10", reasonThreads),
		"plugins":                                    absent(reasonPlugins),
		"populateUserNameInMBeans":                   tuned("false", reasonJava),
		"producerSystemUsage":                        absent("one limit holds for producers and consumers"),
		"producerSystemUsagePortion":                 refused("60", "one limit holds for producers and consumers"),
		"proxyConnectors":                            absent(reasonLater),
		"rejectDurableConsumers":                     refused("false", reasonLater),
		"rollbackOnlyOnAsyncException":               refused("true", reasonLater),
		"schedulePeriodForDestinationPurge":          refused("0", reasonLater),
		"schedulePeriodForDiskUsageCheck":            refused("0", reasonLater),
		"schedulerDirectory":                         absent(reasonLater),
		"schedulerDirectoryFile":                     absent(reasonLater),
		"schedulerSupport":                           refused("false", reasonLater),
		"services":                                   absent(reasonPlugins),
		"shutdownHooks":                              absent(reasonPlugins),
		"shutdownOnMasterFailure":                    refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"shutdownOnSlaveFailure":                     refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"splitSystemUsageForProducersConsumers":      refused("false", "one limit holds for producers and consumers"),
		"sslContext":                                 absent("TLS is not available yet"),
		"start":                                      refused("true", "the process is there to run the broker"),
		"startAsync":                                 tuned("false", "a slave waits beside its control socket already"),
		"storeOpenWireVersion":                       refused("11", "messages are stored in version 11, as ActiveMQ does"),
		"systemExitOnShutdown":                       tuned("false", "the process ends with the broker"),
		"systemExitOnShutdownExitCode":               refused("0", "exit codes are documented in the README"),
		"taskRunnerFactory":                          absent(reasonThreads),
		"taskRunnerPriority":                         tuned("5", reasonThreads),
		"tempDataStore":                              absent("nothing is spooled to a temporary store"),
		"timeBeforePurgeTempDestinations":            refused("5000", reasonLater),
		"tmpDataDirectory":                           tuned("", "nothing is spooled to a temporary store"),
		"transportConnectorURIs":                     absent("write them as transportConnectors"),
		"networkConnectorURIs":                       absent(reasonLater),
		"useAuthenticatedPrincipalForJMSXUserID":     refused("false", reasonLater),
		"useJmx":                                     tuned("true", reasonJava),
		"useLocalHostBrokerName":                     refused("false", "write brokerName: ${HOSTNAME}"),
		"useLoggingForShutdownErrors":                tuned("false", "errors are always logged"),
		"useMirroredQueues":                          refused("false", reasonLater),
		"useShutdownHook":                            refused("true", "SIGTERM always stops cleanly"),
		"useTempMirroredQueues":                      refused("true", reasonLater),
		"useVirtualDestSubs":                         refused("false", reasonLater),
		"useVirtualDestSubsOnCreation":               refused("false", reasonLater),
		"useVirtualTopics":                           refused("true", "the switch is not available yet"),
		"virtualThreadTaskRunner":                    tuned("false", reasonThreads),
		"vmConnectorURI":                             absent(reasonJava),
		"waitForSlave":                               refused("false", "it belonged to pure master/slave, which ActiveMQ has removed"),
		"waitForSlaveTimeout":                        refused("600000", "it belonged to pure master/slave, which ActiveMQ has removed"),
	}
}
