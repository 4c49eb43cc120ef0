package storetest

import (
	"testing"

	"github.com/conclavemq/conclave/store"
)

// Factory makes the stores under test.
type Factory struct {
	// Open returns an empty store. The suite closes it.
	Open func(t *testing.T) store.Store
	// Reopen returns a store on what s kept, after s has been closed. It is
	// nil for a store that keeps nothing.
	Reopen func(t *testing.T, s store.Store) store.Store
	// Abandon ends s as a crash of its process does, if that can be done
	// within a test: no more is written, and Reopen follows. It may be nil
	// where another Factory of the same store has it.
	Abandon func(t *testing.T, s store.Store)
}

// Run runs the whole suite.
func Run(t *testing.T, f Factory) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, Factory)
	}{
		{"Order", testOrder},
		{"AppendFromDone", testAppendFromDone},
		{"EmptyUnit", testEmptyUnit},
		{"Concurrency", testConcurrency},
		{"UnitsAreWhole", testUnitsAreWhole},
		{"Page", testPage},
		{"Priorities", testPriorities},
		{"Recount", testRecount},
		{"LargeMessage", testLargeMessage},
		{"Remove", testRemove},
		{"Update", testUpdate},
		{"Duplicates", testDuplicates},
		{"Replaced", testReplaced},
		{"LastSequence", testLastSequence},
		{"RemoveDestination", testRemoveDestination},
		{"TopicWithoutSubscription", testTopicWithoutSubscription},
		{"Subscriptions", testSubscriptions},
		{"Retroactive", testRetroactive},
		{"RemoveSubscription", testRemoveSubscription},
		{"Commit", testCommit},
		{"Prepare", testPrepare},
		{"PreparedRemoval", testPreparedRemoval},
		{"Rollback", testRollback},
		{"UnknownTransaction", testUnknownTransaction},
		{"Cancel", testCancel},
		{"Admit", testAdmit},
		{"Close", testClose},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, f) })
	}
	if f.Reopen == nil {
		t.Run("Model", func(t *testing.T) { testModel(t, f) })
		return
	}
	for _, part := range []struct {
		name string
		run  func(*testing.T, Factory)
	}{
		{"Messages", testReopenMessages},
		{"State", testReopenState},
		{"Subscriptions", testReopenSubscriptions},
		{"Prepared", testReopenPrepared},
		{"Updates", testReopenUpdates},
		{"Destinations", testReopenDestinations},
		{"Sequences", testReopenSequences},
		{"Priorities", testReopenPriorities},
		{"Recount", testReopenRecount},
	} {
		t.Run("Reopen/"+part.name, func(t *testing.T) { part.run(t, f) })
	}
	if f.Abandon != nil {
		t.Run("Reopen/Abandoned", func(t *testing.T) { testAbandoned(t, f) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, f) })
}
