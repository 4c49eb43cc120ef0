package chaos

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// Options say what to try and how much.
type Options struct {
	Directory string        // exists; a folder of its own is made below it
	Binary    string        // of conclave
	Duration  time.Duration // of faults under load; draining comes after it
	Bytes     int64         // of message bodies, together
	Size      int           // bytes of a body
	Producers int
	Consumers int
	Interval  time.Duration // mean, from one fault's end to the next
	Faults    []string      // names, of FaultNames
	Seed      uint64
	Log       *slog.Logger
	Progress  func(line string) // may be nil
}

const (
	mostClients = 64
	leastSize   = 64
	mostSize    = 1 << 20
)

// FaultNames lists the faults that can be chosen.
func FaultNames() []string {
	names := make([]string, len(faults))
	for i, f := range faults {
		names[i] = f.name
	}
	return names
}

func (o *Options) check() error {
	info, err := os.Stat(o.Directory)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", o.Directory)
	case o.Duration <= 0 || o.Interval <= 0:
		return errors.New("durations must be positive")
	case o.Size < leastSize || o.Size > mostSize:
		return fmt.Errorf("message size %d: not %d to %d bytes", o.Size, leastSize, mostSize)
	case o.Bytes < int64(o.Size):
		return fmt.Errorf("%d bytes hold no message of %d", o.Bytes, o.Size)
	case o.Producers < 1 || o.Producers > mostClients || o.Consumers < 1 || o.Consumers > mostClients:
		return fmt.Errorf("producers and consumers: 1 to %d of each", mostClients)
	case len(o.Faults) == 0:
		return errors.New("no faults are chosen")
	}
	for _, name := range o.Faults {
		if !slices.Contains(FaultNames(), name) {
			return fmt.Errorf("fault %q is not known; there are %s", name, strings.Join(FaultNames(), ", "))
		}
	}
	return nil
}
