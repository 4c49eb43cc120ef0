package lock

import "context"

// Locker elects one owner of a store among all processes that use it.
type Locker interface {
	// Acquire waits until this process owns the store, durably takes the next
	// epoch and returns the lease. It returns ctx's error when ctx ends first,
	// and an error wrapping ErrHeld at once when the locker is set to fail
	// rather than wait.
	Acquire(ctx context.Context) (*Lease, error)
}
