package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		Open: func(*testing.T) store.Store { return memory.New() },
	})
}
