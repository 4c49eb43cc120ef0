package lock

import (
	"errors"
	"fmt"
)

var (
	// ErrHeld reports that another owner holds the lock, where the locker is
	// set not to wait (ActiveMQ: failIfLocked). The error is a *HeldError.
	ErrHeld = errors.New("lock is held by another broker")

	// ErrLost reports that a lease has ended against its owner's will.
	ErrLost = errors.New("lock is no longer held")

	// ErrSuspended reports an ownership that has ended but may come back: the
	// lease is invalid from that moment, until a later proof succeeds.
	ErrSuspended = errors.New("lock is suspended")

	// ErrReleased reports the use of a lease after its Release.
	ErrReleased = errors.New("lock was released")

	// ErrHung reports a storage call that did not return within its bound.
	ErrHung = errors.New("storage does not answer")

	// ErrDamagedEpoch reports an epoch file whose content is not what any
	// owner wrote.
	ErrDamagedEpoch = errors.New("damaged epoch file")

	// errUnknownFormat reports an epoch file of another version of Conclave.
	errUnknownFormat = errors.New("format is not known")

	// ErrUnsupported reports a file system that cannot lock files.
	ErrUnsupported = errors.New("file system does not support locks")
)

// HeldError says whose lock it was that could not be taken.
type HeldError struct {
	Path   string // of the lock file
	Status Status
}

// Error names the lock and, as far as it is known, its holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("lock %s is held by %s", e.Path, e.Status.Describe())
}

// Is makes a HeldError an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }
