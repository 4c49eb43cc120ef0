package config

import "time"

// JDBCLocker is the <locker> element of a database. Without a child it is the
// database-locker.
type JDBCLocker struct {
	Database *DatabaseLocker      `config:"database-locker"`
	Lease    *LeaseDatabaseLocker `config:"lease-database-locker"`
}

func (JDBCLocker) others() others {
	return others{
		"shared-file-locker":       absent("it locks a directory, and the store is a database"),
		"transact-database-locker": absent("it is for SQL Server and Sybase; write database-locker"),
	}
}

// DatabaseLocker is the <database-locker> element: an advisory lock, and the
// row that ActiveMQ locks, so that neither is master while the other is.
type DatabaseLocker struct {
	// LockAcquireSleepInterval is the longest pause before a database that
	// could not be reached is tried again. The lock itself is waited for in
	// the database, which wakes a slave at once.
	LockAcquireSleepInterval time.Duration `config:"lockAcquireSleepInterval"`
	FailIfLocked             bool          `config:"failIfLocked"`
}

func (DatabaseLocker) others() others {
	all := lockerOthers()
	all["exceptionHandler"] = absent(reasonPlugins)
	return all
}

func lockerOthers() others {
	return others{
		"createTablesOnStartup": tuned("false", "createTablesOnStartup of the jdbcPersistenceAdapter holds for this table too"),
		"dataSource":            absent("write it as lockDataSource of the jdbcPersistenceAdapter"),
		"lockable":              absent(reasonPlugins),
		"name":                  absent("the lock goes by the schema and the tablePrefix"),
		"queryTimeout":          tuned("-1", reasonSilence),
		"statements":            absent("write it as statements of the jdbcPersistenceAdapter"),
	}
}

// LeaseDatabaseLocker is the <lease-database-locker> element: a row that its
// holder renews. It needs no session of its own.
type LeaseDatabaseLocker struct {
	// LockAcquireSleepInterval is how long the lease lasts: when its holder dies
	// another is master after so long. ActiveMQ's default is ten seconds.
	LockAcquireSleepInterval time.Duration `config:"lockAcquireSleepInterval"`
	FailIfLocked             bool          `config:"failIfLocked"`
	// LeaseHolderID begins the holder's name in the row, the brokerName if it
	// is not set. What follows makes it unique.
	LeaseHolderID string `config:"leaseHolderId"`
}

func (l *LeaseDatabaseLocker) setDefaults() { l.LockAcquireSleepInterval = 5 * time.Second }

func (LeaseDatabaseLocker) others() others {
	all := lockerOthers()
	all["handleStartException"] = refused("false", "a slave waits for its database; write failIfLocked for one that does not")
	all["maxAllowableDiffFromDBTime"] = tuned("0", "the lease always goes by the database's clock")
	return all
}

// Statements is the <statements> element: names and types of the tables.
type Statements struct {
	TablePrefix             string `config:"tablePrefix"`
	MessageTableName        string `config:"messageTableName"`
	DurableSubAcksTableName string `config:"durableSubAcksTableName"`
	LockTableName           string `config:"lockTableName"`
	BinaryDataType          string `config:"binaryDataType"`
	ContainerNameDataType   string `config:"containerNameDataType"`
	MsgIDDataType           string `config:"msgIdDataType"`
	SequenceDataType        string `config:"sequenceDataType"`
	LongDataType            string `config:"longDataType"`
	StringIDDataType        string `config:"stringIdDataType"`
}

func (Statements) others() others {
	all := others{
		"useLockCreateWhereClause":     tuned("false", "every row of the lock table is locked, and there is one"),
		"useExternalMessageReferences": refused("false", "messages are in the table itself, as ActiveMQ keeps them by default"),
	}
	for _, name := range []string{
		"addMessageStatement", "clearDurableLastAckInTxStatement", "clearXidFlagStatement", "createDurableSubStatement",
		"createLockSchemaStatements", "createSchemaStatements", "currentDateTimeStatement", "deleteOldMessagesStatementWithPriority",
		"deleteSubscriptionStatement", "destinationMessageCountStatement", "dropAckPKAlterStatementEnd", "dropSchemaStatements",
		"durableSubscriberMessageCountStatement", "durableSubscriberMessageCountStatementWithPriority", "findAcksPendingOutcomeStatement",
		"findAllDestinationsStatement", "findAllDurableSubMessagesStatement", "findAllDurableSubsStatement", "findAllMessageIdsStatement",
		"findAllMessagesStatement", "findDurableSubMessagesStatement", "findDurableSubStatement", "findLastSequenceIdInAcksStatement",
		"findLastSequenceIdInMsgsStatement", "findMessageByIdStatement", "findMessageSequenceIdStatement", "findMessageStatement",
		"findNextMessagesByPriorityStatement", "findNextMessagesStatement", "findOpsPendingOutcomeStatement", "findXidByIdStatement",
		"insertDurablePriorityAckStatement", "lastAckedDurableSubscriberMessageStatement", "lastProducerSequenceIdStatement",
		"leaseObtainStatement", "leaseOwnerStatement", "leaseUpdateStatement", "lockCreateStatement", "lockUpdateStatement",
		"nextDurableSubscriberMessageStatement", "removeAllMessagesStatement", "removeAllSubscriptionsStatement", "removeMessageStatment",
		"selectDurablePriorityAckStatement", "updateDurableLastAckInTxStatement", "updateDurableLastAckStatement",
		"updateDurableLastAckWithPriorityInTxStatement", "updateDurableLastAckWithPriorityStatement",
		"updateLastPriorityAckRowOfDurableSubStatement", "updateMessageStatement", "updateXidFlagStatement",
	} {
		all[name] = absent(reasonStatement)
	}
	return all
}
