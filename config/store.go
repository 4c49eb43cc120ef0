package config

import "time"

// PersistenceAdapter is the <persistenceAdapter> element: which store.
type PersistenceAdapter struct {
	KahaDB *KahaDB `config:"kahaDB"`
	JDBC   *JDBC   `config:"jdbcPersistenceAdapter"`
}

func (PersistenceAdapter) others() others {
	return others{
		"mKahaDB":                   absent("several directories for one broker are not available; use kahaDB"),
		"memoryPersistenceAdapter":  absent("write persistent: false on the broker"),
		"journalPersistenceAdapter": absent("ActiveMQ has removed it; use kahaDB"),
		"journaledJDBC":             absent("ActiveMQ has removed it; use jdbcPersistenceAdapter"),
		"amqPersistenceAdapter":     absent("ActiveMQ has removed it; use kahaDB"),
		"levelDB":                   absent("ActiveMQ has removed it; use kahaDB"),
		"replicatedLevelDB":         absent("ActiveMQ has removed it; give every broker one shared directory instead: kahaDB: {directory: /shared/kahadb}"),
		"kahaPersistenceAdapter":    absent("ActiveMQ has removed it; use kahaDB"),
	}
}

// KahaDB is the <kahaDB> element. (ActiveMQ: KahaDBPersistenceAdapter)
type KahaDB struct {
	Directory            string `config:"directory"`
	JournalMaxFileLength int64  `config:"journalMaxFileLength,bytes"`
	// JournalMaxWriteBatchSize bounds the bytes of one write and sync.
	JournalMaxWriteBatchSize         int64         `config:"journalMaxWriteBatchSize,bytes"`
	JournalDiskSyncStrategy          string        `config:"journalDiskSyncStrategy,enum=ALWAYS|PERIODIC|NEVER"`
	JournalDiskSyncInterval          time.Duration `config:"journalDiskSyncInterval"`
	CleanupInterval                  time.Duration `config:"cleanupInterval"`
	ConcurrentStoreAndDispatchQueues bool          `config:"concurrentStoreAndDispatchQueues"`
	ChecksumJournalFiles             bool          `config:"checksumJournalFiles"`
	// EnableAckCompaction has files rewritten that hold little that is needed,
	// messages and acknowledgements; ActiveMQ moves acknowledgements alone.
	EnableAckCompaction bool `config:"enableAckCompaction"`
	// CompactAcksAfterNoGC is how many cleanups in a row have to leave too much
	// on disk before that happens. ActiveMQ's default is 10 cleanups that delete
	// nothing; here it is 1.
	CompactAcksAfterNoGC int `config:"compactAcksAfterNoGC"`
	// CompactAcksIgnoresStoreGrowth has it done as fast as it goes; otherwise
	// the traffic comes first, and it is held to 32 MiB a second read, 8 MiB written.
	CompactAcksIgnoresStoreGrowth bool `config:"compactAcksIgnoresStoreGrowth"`
	// PreallocationScope NONE lets files grow as they are written; the others
	// preallocate each file whole, in the background.
	PreallocationScope string `config:"preallocationScope,enum=ENTIRE_JOURNAL|ENTIRE_JOURNAL_ASYNC|NONE"`

	// LockKeepAlivePeriod is how often the lock is proven. ActiveMQ's default
	// of 0 means never there; here 0 and everything above a second mean every
	// second, since a lock that is proven seldom is found lost late.
	LockKeepAlivePeriod time.Duration `config:"lockKeepAlivePeriod"`
	// DatabaseLockedWaitDelay is an old name of lockAcquireSleepInterval.
	DatabaseLockedWaitDelay time.Duration `config:"databaseLockedWaitDelay"`
	Locker                  Locker        `config:"locker"`
}

// DefaultLockAcquireSleepInterval is how long a slave sleeps between two tries
// when nothing is said. A try is a few small requests; a slave has to find out
// and to serve within a second after the master's process has died.
const DefaultLockAcquireSleepInterval = 250 * time.Millisecond

// LockAcquireSleepInterval is what holds: the locker's, else the old name's.
func (k *KahaDB) LockAcquireSleepInterval() time.Duration {
	switch {
	case k.Locker.SharedFile != nil:
		return k.Locker.SharedFile.LockAcquireSleepInterval
	case k.DatabaseLockedWaitDelay != 0:
		return k.DatabaseLockedWaitDelay
	}
	return DefaultLockAcquireSleepInterval
}

// FailIfLocked says not to wait for the lock.
func (k *KahaDB) FailIfLocked() bool {
	return k.Locker.SharedFile != nil && k.Locker.SharedFile.FailIfLocked
}

// DefaultDirectory is where ActiveMQ's kahaDB is when it does not say.
const DefaultDirectory = "activemq-data/KahaDB"

func (k *KahaDB) setDefaults() {
	k.Directory = DefaultDirectory
	k.JournalMaxFileLength = 32 << 20
	k.JournalMaxWriteBatchSize = 4 << 20
	k.JournalDiskSyncStrategy = "ALWAYS"
	k.JournalDiskSyncInterval = time.Second
	k.CleanupInterval = 30 * time.Second
	k.ConcurrentStoreAndDispatchQueues = true
	k.ChecksumJournalFiles = true
	k.EnableAckCompaction = true
	k.CompactAcksAfterNoGC = 1
	k.PreallocationScope = "ENTIRE_JOURNAL"
}

func (KahaDB) others() others {
	return others{
		"archiveCorruptedIndex":               tuned("false", reasonIndex),
		"archiveDataLogs":                     refused("false", "journal files are deleted when nothing needs them"),
		"brokerName":                          absent("it belongs to the broker element"),
		"checkpointInterval":                  tuned("5000", reasonIndex),
		"checkForCorruptJournalFiles":         tuned("false", "every record is checked when it is read"),
		"cleanupOnStop":                       tuned("true", "cleaning up goes by cleanupInterval alone"),
		"concurrentStoreAndDispatchTopics":    refused("false", reasonLater),
		"dataFileFactory":                     absent(reasonPlugins),
		"deleteAllMessages":                   refused("false", "a slave that takes over would delete the master's messages; remove the directory instead"),
		"directoryArchive":                    absent("journal files are deleted when nothing needs them"),
		"enableIndexDiskSyncs":                tuned("true", reasonIndex),
		"enableIndexPageCaching":              tuned("true", reasonIndex),
		"enableIndexRecoveryFile":             tuned("true", reasonIndex),
		"enableIndexWriteAsync":               tuned("false", reasonIndex),
		"enableJournalDiskSyncs":              refused("true", "it is deprecated; write journalDiskSyncStrategy: NEVER"),
		"enableSubscriptionStatistics":        tuned("false", "statistics are always kept"),
		"failoverProducersAuditDepth":         tuned("2048", "the last sequence of every producer is kept"),
		"forceRecoverIndex":                   tuned("false", reasonIndex),
		"ignoreMissingJournalfiles":           refused("false", reasonLater),
		"indexCacheSize":                      tuned("10000", reasonIndex),
		"indexDirectory":                      tuned("", reasonIndex),
		"indexLFUEvictionFactor":              tuned("0.2", reasonIndex),
		"indexWriteBatchSize":                 tuned("1000", reasonIndex),
		"maxAsyncJobs":                        tuned("10000", "the bytes that wait for a write are bounded, not their number"),
		"maxFailoverProducersToTrack":         tuned("64", "the last sequence of every producer is kept"),
		"preallocationStrategy":               tuned("SPARSE_FILE", "files are always preallocated and filled with zeros"),
		"purgeRecoveredXATransactionStrategy": refused("NEVER", reasonLater),
		"stopOnError":                         tuned("false", "a lock that cannot be proven is always given up"),
		"transactionIdTransformer":            absent(reasonPlugins),
		"useLock":                             refused("true", "without the lock a second broker would destroy the directory"),
		"useIndexLFRUEviction":                tuned("false", reasonIndex),
		"lockable":                            absent(reasonPlugins),
	}
}

// Locker is the <locker> element: how the store is locked.
type Locker struct {
	SharedFile *SharedFileLocker `config:"shared-file-locker"`
}

func (Locker) others() others {
	return others{
		"database-locker":          absent("it locks a database, and the store is a directory"),
		"lease-database-locker":    absent("it locks a database, and the store is a directory"),
		"transact-database-locker": absent("it locks a database, and the store is a directory"),
	}
}

// SharedFileLocker is the <shared-file-locker> element.
type SharedFileLocker struct {
	// LockAcquireSleepInterval is how long a slave sleeps between two tries
	// on a network file system; on a local one it waits in the kernel.
	LockAcquireSleepInterval time.Duration `config:"lockAcquireSleepInterval"`
	FailIfLocked             bool          `config:"failIfLocked"`
}

// setDefaults departs from ActiveMQ, whose slave sleeps for ten seconds.
func (s *SharedFileLocker) setDefaults() {
	s.LockAcquireSleepInterval = DefaultLockAcquireSleepInterval
}

func (SharedFileLocker) others() others {
	return others{
		"name":     absent("the lock file is always <directory>/lock"),
		"lockable": absent(reasonPlugins),
	}
}

// NewKahaDB is the configuration of a directory of which nothing else is said.
func NewKahaDB(directory string) *KahaDB {
	k := &KahaDB{}
	k.setDefaults()
	k.Directory = directory
	return k
}
