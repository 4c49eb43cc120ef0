package journal

import (
	"fmt"
	"strings"

	"github.com/conclavemq/conclave/store"
)

// sweep deletes the files that never became part of the journal, before a new
// master reads any. They are the sources of renames: one that a deposed master
// had asked for, and that a network file system carries out only now, finds
// nothing to rename. What it had prepared is not needed, and the space may be.
func sweep(o *Options) error {
	names, err := o.FS.List(o.Directory)
	if err != nil {
		return fmt.Errorf("list journal directory: %w", err)
	}
	spares := names[:0]
	for _, name := range names {
		if isSpare(name) {
			spares = append(spares, name)
		}
	}
	if o.Lease != nil && !o.Lease.Valid() {
		return store.ErrLeaseLost
	}
	return removeNames(o, spares)
}

// isSpare reports whether a name is that of a file that is being prepared.
func isSpare(name string) bool {
	return strings.HasPrefix(name, "db-") && strings.HasSuffix(name, spareSuffix)
}
