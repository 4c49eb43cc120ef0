package journal

import (
	"errors"
	"fmt"
)

var (
	errOptions  = errors.New("wrong option")
	errRecord   = errors.New("malformed record")
	errSync     = errors.New("sync failed")
	errStopped  = errors.New("reading was stopped")
	errMoved    = errors.New("file was replaced")
	errSnapshot = errors.New("wrong snapshot")
	errRepeated = errors.New("there are messages that were stored twice")
)

// ErrStoreVersion reports a directory whose messages are encoded in another
// OpenWire version than 11. (ActiveMQ: broker attribute storeOpenWireVersion)
var ErrStoreVersion = errors.New("directory is written in another OpenWire version")

// Damage is a part of a file that could not be read.
type Damage struct {
	File   string // base name
	Offset int64
	Length int64
	// Tail says that nothing valid follows in the newest file: a write that
	// was interrupted, and never confirmed.
	Tail   bool
	Reason string
	// Missing is how many files, from File on, are not there at all. Length is
	// then how much they held, as far as that is known.
	Missing int
	// Doubtful says that files may have been deleted rightly: ActiveMQ has been
	// master since they were listed, and does not say what it deletes.
	Doubtful bool
}

func (d Damage) String() string {
	if d.Missing > 0 && d.Length == 0 {
		return d.File + ": " + d.Reason
	}
	return fmt.Sprintf("%s: %d bytes at offset %d: %s", d.File, d.Length, d.Offset, d.Reason)
}
