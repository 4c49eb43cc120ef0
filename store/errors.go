package store

import "errors"

// Conditions of a store as a whole.
var (
	// ErrClosed: the store has been closed; the unit was not kept.
	ErrClosed = errors.New("store is closed")
	// ErrFailed: a write or a sync failed. The store takes nothing more; the
	// process must leave mastership and recover by reading what is there.
	ErrFailed = errors.New("store has failed")
	// ErrNoSpace: no room for new messages. Removals are still taken, and
	// room comes back by itself when messages are consumed or space is freed.
	ErrNoSpace = errors.New("no space left in the message store")
	// ErrLeaseLost: another process may own the storage now.
	ErrLeaseLost = errors.New("lease on the store is lost")
)

// Conditions of one unit or read.
var (
	// ErrUnknownTransaction: commit or rollback of a prepared transaction
	// that the store does not hold.
	ErrUnknownTransaction = errors.New("transaction is not prepared in the store")
	// ErrTooLarge: a message is larger than the store can hold.
	ErrTooLarge = errors.New("message is too large for the store")
	// ErrCorrupt: a stored record cannot be read back; the error that wraps
	// it says where it is.
	ErrCorrupt = errors.New("stored record is damaged")
)
