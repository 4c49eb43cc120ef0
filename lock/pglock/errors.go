package pglock

import (
	"errors"

	"github.com/conclavemq/conclave/lock"
)

var (
	// ErrNoTables reports that the tables of the election are missing and may
	// not, or cannot, be made.
	ErrNoTables = errors.New("tables are missing")

	// ErrForeignRow reports ActiveMQ's lock row where it cannot be locked.
	ErrForeignRow = errors.New("ActiveMQ's lock row cannot be locked")
)

// Codes of errors that no waiting ends.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	invalidCatalog       = "3D000"
	invalidSchema        = "3F000"
	protocolViolation    = "08P01"
)

// final reports an error that a first start ends with. Who has been a slave or
// a master already waits until an administrator has repaired it.
func final(err error) bool {
	return errors.Is(err, ErrNoExclusion) || errors.Is(err, ErrOtherDatabase) || errors.Is(err, ErrNoTables) || errors.Is(err, ErrForeignRow) ||
		isCode(err, invalidPassword, invalidAuthorization, invalidCatalog, invalidSchema, insufficientPrivilege, protocolViolation)
}

// HeldError says whose lock it was that could not be taken.
type HeldError struct {
	Database string // without secrets
	Holder   string
}

// Error names the database and the holder.
func (e *HeldError) Error() string {
	return "lock of " + e.Database + " is held by " + e.Holder
}

// Is makes a HeldError a lock.ErrHeld.
func (e *HeldError) Is(target error) bool { return target == lock.ErrHeld }
