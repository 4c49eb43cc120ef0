package lock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SuccessorFileName is the name of the file in which an owner names who shall
// follow it; FORMAT.md describes it.
const SuccessorFileName = "conclave.successor"

const (
	successorFormat   = 1
	maxSuccessorBytes = 4 << 10
	maxPatience       = time.Minute // bounds what is believed of another's patience
	localPatience     = 500 * time.Millisecond
)

// Successor is a wish of the owner of an epoch: the broker with that name, or
// on that host, shall get the lock next.
type Successor struct {
	Epoch uint64 `json:"epoch"` // of the owner; after the next ownership the wish is void
	Node  string `json:"node"`
	// PatienceMillis is how long the others give way.
	PatienceMillis int64 `json:"patienceMillis"`
}

func (s Successor) patience() time.Duration {
	return min(max(time.Duration(s.PatienceMillis)*time.Millisecond, 0), maxPatience)
}

// successorRecord is the first line of the file.
type successorRecord struct {
	Format int `json:"format"`
	Successor
}

// Designate records that node, a broker's name or its host, shall follow the
// owner of epoch. The owner calls it while it has the lock. It returns how
// long other slaves will give way to node once the lock is free: on a network
// file system node may come only after its sleep interval.
func (f *FileLocker) Designate(epoch uint64, node string) (time.Duration, error) {
	patience := localPatience
	if fileSystem, err := Detect(f.options.Directory); err != nil {
		return 0, err
	} else if !fileSystem.Local {
		patience = min(localPatience+2*f.options.LockAcquireSleepInterval, maxPatience)
	}
	s := Successor{Epoch: epoch, Node: node, PatienceMillis: patience.Milliseconds()}
	line, err := json.Marshal(successorRecord{successorFormat, s})
	if err == nil && len(line) > maxSuccessorBytes/2 {
		err = fmt.Errorf("name of %d bytes is too long", len(node))
	}
	if err != nil {
		return 0, fmt.Errorf("name a successor: %w", err)
	}
	path := filepath.Join(f.options.Directory, SuccessorFileName)
	next := path + ".tmp"
	err = writeSynced(next, fmt.Appendf(nil, "%s\ncrc32c %08x\n", line, checksum(line)), os.O_CREATE|os.O_TRUNC)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return 0, fmt.Errorf("name a successor: %w", err)
	}
	return patience, nil
}

// readSuccessor returns the wish that is recorded; the zero value if there is
// none. One that cannot be read is none: it only asks for politeness.
func readSuccessor(dir string) Successor {
	f, err := os.Open(filepath.Join(dir, SuccessorFileName))
	if err != nil {
		return Successor{}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSuccessorBytes))
	if err != nil {
		return Successor{}
	}
	line, rest, _ := strings.Cut(string(b), "\n")
	var r successorRecord
	if rest != fmt.Sprintf("crc32c %08x\n", checksum([]byte(line))) ||
		json.Unmarshal([]byte(line), &r) != nil || r.Format != successorFormat {
		return Successor{}
	}
	return r.Successor
}

// wish is the recorded wish if it still counts: if its owner was the last one.
func (f *FileLocker) wish() Successor {
	s := readSuccessor(f.options.Directory)
	if s.Node == "" {
		return Successor{}
	}
	if last, err := readEpoch(f.options.Directory); err != nil || last.Epoch != s.Epoch {
		return Successor{}
	}
	return s
}

// givesWay reports whether the lock that was just won is meant for another,
// for how long. A locker gives way once to one wish, and never where it would
// not come back.
func (f *FileLocker) givesWay() (time.Duration, bool) {
	if f.options.FailIfLocked {
		return 0, false
	}
	s := f.wish()
	if s.Node == "" || s.Node == f.options.BrokerName || s.Node == f.options.Host {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gaveWay >= s.Epoch {
		return 0, false
	}
	f.gaveWay = s.Epoch
	f.options.Log.Info("the last master named another broker its successor; giving way to it",
		"lock", f.path, "successor", s.Node, "for", s.patience())
	return s.patience(), true
}

// giveWay waits until somebody has taken the next epoch, or patience is over.
func (f *FileLocker) giveWay(ctx context.Context, patience time.Duration) error {
	over := time.NewTimer(patience)
	defer over.Stop()
	look := time.NewTicker(max(patience/100, time.Millisecond))
	defer look.Stop()
	for {
		select {
		case <-over.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
			if f.wish().Node == "" {
				return nil
			}
		}
	}
}

// forgetWish removes a wish that has become void with this ownership.
func (f *FileLocker) forgetWish() {
	err := os.Remove(filepath.Join(f.options.Directory, SuccessorFileName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.options.Log.Warn("cannot remove the record of a successor", "error", err)
	}
}
