//go:build postgres

package jdbcstore

import (
	"testing"

	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/storetest"
)

// TestStore is the suite of all stores.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		Open: func(t *testing.T) store.Store { return mustOpen(t, options(emptySchema(t))) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return mustOpen(t, options(s.(*Store).o.Tables.Prefix))
		},
		Abandon: func(t *testing.T, s store.Store) {
			s.(*Store).fail(store.ErrFailed)
		},
	})
}
