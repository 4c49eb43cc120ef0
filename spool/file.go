package spool

import (
	"errors"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// file is an unnamed file of blocks.
type file struct {
	directory string
	log       *slog.Logger

	mu     sync.Mutex
	f      *os.File // mu; nil before it is needed and after close
	closed bool     // mu
	blocks uint32   // mu; that the file has
	free   []uint32 // mu; of these, the ones that no list has; the last is taken next
	warm   int      // mu; of free, how many at the end still have their space
}

// maxWarm is how many free blocks keep their space on disk for the next list.
const maxWarm = 256

var errClosed = errors.New("spool: closed")

// take gives a block to a list.
func (x *file) take() (uint32, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.openLocked(); err != nil {
		return 0, err
	}
	if n := len(x.free); n > 0 {
		block := x.free[n-1]
		x.free = x.free[:n-1]
		x.warm = max(0, x.warm-1)
		return block, nil
	}
	if x.blocks == 1<<32-1 {
		return 0, errors.New("spool: too many blocks")
	}
	x.blocks++
	return x.blocks - 1, nil
}

// give takes blocks back from a list. When no list has any the file becomes
// empty; else what is more than a few is punched out of it.
func (x *file) give(blocks []uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.f == nil {
		return
	}
	x.free = append(x.free, blocks...)
	x.warm += len(blocks)
	if len(x.free) == int(x.blocks) && x.f.Truncate(0) == nil {
		x.free, x.blocks, x.warm = nil, 0, 0
		return
	}
	for ; x.warm > maxWarm; x.warm-- {
		block := x.free[len(x.free)-x.warm]
		// Without support for holes the space comes back when all are free.
		_ = unix.Fallocate(int(x.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(block)*blockSize, blockSize)
	}
}

// openLocked makes the file.
func (x *file) openLocked() error {
	if x.f != nil {
		return nil
	}
	if x.closed {
		return errClosed
	}
	if err := os.MkdirAll(x.directory, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(x.directory, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil { // a file system that has no unnamed files
		if f, err = os.CreateTemp(x.directory, "spool-*"); err != nil {
			return err
		}
		if err = os.Remove(f.Name()); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	x.f = f
	x.log.Info("messages that are not persistent go to the temporary store", "directory", x.directory)
	return nil
}

func (x *file) handle() *os.File {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.f
}

// writeAt writes within one block.
func (x *file) writeAt(b []byte, block uint32, offset int) error {
	f := x.handle()
	if f == nil {
		return errClosed
	}
	_, err := f.WriteAt(b, int64(block)*blockSize+int64(offset))
	return err
}

// readAt reads within one block.
func (x *file) readAt(b []byte, block uint32, offset int) error {
	f := x.handle()
	if f == nil {
		return errClosed
	}
	_, err := f.ReadAt(b, int64(block)*blockSize+int64(offset))
	return err
}

func (x *file) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	f := x.f
	x.f, x.free, x.blocks, x.warm = nil, nil, 0, 0
	if f == nil {
		return nil
	}
	return f.Close()
}
