package jdbcstore

import (
	"context"
	"errors"

	"github.com/conclavemq/conclave/store"
)

// Store keeps messages in a PostgreSQL schema. See store.Store for its
// methods.
type Store struct{ store.Store }

// Open takes over the schema: it makes what is missing, reads what it holds
// and starts the committer. The caller owns the schema by its lock before, and
// has taken the epoch that Options.Fence checks.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return nil, errors.ErrUnsupported
}
