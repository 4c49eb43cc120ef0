package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/conclavemq/conclave/journal/vfs"
)

// An ActiveMQ never looks whether it still has its lock. One that was paused,
// and wakes when its directory has another master, goes on deleting journal
// files by their names, as far as its own state says that they are not needed:
// its consumers may have acknowledged to it what is still to be delivered
// here. So every file that an ActiveMQ knows has a second name, which no
// ActiveMQ looks at, for as long as it is needed; a guard gives a file its
// first name back when that is gone. (guard.go)

// heldSuffix ends the second names.
const heldSuffix = ".held"

func heldName(n uint32) string { return "db-" + strconv.FormatUint(uint64(n), 10) + heldSuffix }

func heldNumber(name string) (uint32, bool) {
	stem, ok := strings.CutSuffix(name, heldSuffix)
	if !ok {
		return 0, false
	}
	return fileNumber(stem + ".log")
}

// holds are the files with a second name.
type holds struct {
	o *Options

	mu      sync.Mutex
	numbers map[uint32]bool // mu
	refused bool            // mu; the file system has no second names
}

func newHolds(o *Options) *holds { return &holds{o: o, numbers: map[uint32]bool{}} }

func (h *holds) path(name string) string { return filepath.Join(h.o.Directory, name) }

// take gives files a second name. What fails is logged: it endangers files
// only if an ActiveMQ wakes.
func (h *holds) take(numbers []uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range numbers {
		if h.numbers[n] || h.refused {
			continue
		}
		err := vfs.Link(h.o.FS, h.path(fileName(n)), h.path(heldName(n)))
		if errors.Is(err, fs.ErrExist) { // of another take-over, and maybe of another file
			if err = h.o.FS.Remove(h.path(heldName(n))); err == nil {
				err = vfs.Link(h.o.FS, h.path(fileName(n)), h.path(heldName(n)))
			}
		}
		switch {
		case err == nil:
			h.numbers[n] = true
		case errors.Is(err, fs.ErrNotExist):
			h.o.Log.Warn("journal file has gone while the directory was taken over", "file", fileName(n))
		default:
			h.refused = true
			h.o.Log.Warn("files cannot be protected from an ActiveMQ that was paused and wakes", "directory", h.o.Directory, "error", err)
		}
	}
	if err := h.o.FS.SyncDir(h.o.Directory); err != nil {
		h.o.Log.Warn("sync journal directory", "directory", h.o.Directory, "error", err)
	}
}

// has reports whether a file has a second name.
func (h *holds) has(n uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.numbers[n]
}

// adopt keeps second names that there are.
func (h *holds) adopt(numbers []uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range numbers {
		h.numbers[n] = true
	}
}

// restore gives files that have lost their first name it back, and returns
// which those were.
func (h *holds) restore(missing []uint32) (restored []uint32, err error) {
	for _, n := range missing {
		err := vfs.Link(h.o.FS, h.path(heldName(n)), h.path(fileName(n)))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return restored, fmt.Errorf("restore %s: %w", fileName(n), err)
		}
		h.o.Log.Error("journal file was deleted by another process, and is restored", "directory", h.o.Directory, "file", fileName(n))
		restored = append(restored, n)
	}
	if len(restored) == 0 {
		return nil, nil
	}
	if err := h.o.FS.SyncDir(h.o.Directory); err != nil {
		return restored, fmt.Errorf("sync journal directory: %w", err)
	}
	return restored, nil
}

// drop takes the second name from a file that is to be deleted.
func (h *holds) drop(n uint32) error {
	h.mu.Lock()
	held := h.numbers[n]
	delete(h.numbers, n)
	h.mu.Unlock()
	if !held {
		return nil
	}
	if err := h.o.FS.Remove(h.path(heldName(n))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", heldName(n), err)
	}
	return nil
}

func (h *holds) list() []uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	numbers := make([]uint32, 0, len(h.numbers))
	for n := range h.numbers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}
