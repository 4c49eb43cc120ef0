package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// blockSize is one write of the journal's smallest batch; a block has its
// version in each of its words, so that parts of two can be told.
const blockSize = 4 << 10

// wholeSize is that of the file which is replaced.
const wholeSize = 16 << 10

func block(version uint64, size int) []byte {
	b := make([]byte, size)
	for i := 0; i < size; i += 8 {
		binary.BigEndian.PutUint64(b[i:], version)
	}
	return b
}

// versionOf is the version that all words of b have.
func versionOf(b []byte) (uint64, bool) {
	version := binary.BigEndian.Uint64(b)
	for i := 8; i < len(b); i += 8 {
		if binary.BigEndian.Uint64(b[i:]) != version {
			return 0, false
		}
	}
	return version, true
}

func (h *helper) lock(r *request, out *reply) error {
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	return h.call("lock", f.Name(), func() (err error) {
		out.OK, err = tryLock(int(f.Fd()), r.Kind, r.Wait)
		return err
	})
}

// poll is what a slave on a network file system does.
func (h *helper) poll(r *request, out *reply) error {
	var failed error
	out.OK, out.Took = waitUntil(r.Limit, func() bool {
		f, err := h.openFile(h.path(r), os.O_RDWR)
		if err != nil {
			failed = err
			return true
		}
		defer f.Close()
		had := false
		failed = h.call("lock", f.Name(), func() (err error) {
			had, err = tryLock(int(f.Fd()), r.Kind, false)
			return err
		})
		return had || failed != nil
	})
	return failed
}

func (h *helper) write(f *os.File, b []byte, offset int64) error {
	return h.call("write", f.Name(), func() error {
		_, err := f.WriteAt(b, offset)
		return cause(err)
	})
}

func (h *helper) sync(f *os.File) error {
	return h.call("fdatasync", f.Name(), func() error { return unix.Fdatasync(int(f.Fd())) })
}

// fill preallocates as the journal does.
func (h *helper) fill(r *request, _ *reply) error {
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	if err := h.write(f, make([]byte, r.Size), 0); err != nil {
		return err
	}
	return h.call("fsync", f.Name(), func() error { return cause(f.Sync()) })
}

func (h *helper) put(r *request, _ *reply) error {
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	if err := h.write(f, block(r.Version, blockSize), r.Offset); err != nil {
		return err
	}
	return h.sync(f)
}

// await reads again and again, through an open file or by its name.
func (h *helper) await(r *request, out *reply) error {
	b := make([]byte, blockSize)
	var failed error
	out.OK, out.Took = waitUntil(r.Limit, func() bool {
		f := h.slots[r.Slot]
		if r.Name != "" {
			if f, failed = h.openFile(h.path(r), os.O_RDONLY); failed != nil {
				return !passing(failed)
			}
			defer f.Close()
		}
		if f == nil {
			failed = fmt.Errorf("slot %d is not open", r.Slot)
			return true
		}
		n := 0
		failed = h.call("read", f.Name(), func() (err error) {
			if n, err = f.ReadAt(b, r.Offset); errors.Is(err, io.EOF) {
				err = nil
			}
			return cause(err)
		})
		version, whole := versionOf(b)
		return failed == nil && n == blockSize && whole && version >= r.Version || failed != nil && !passing(failed)
	})
	if !out.OK && passing(failed) {
		failed = nil
	}
	return failed
}

// passing errors are those that a reader meets whose file another host has
// just made or replaced.
func passing(err error) bool {
	return errors.Is(err, unix.ESTALE) || errors.Is(err, fs.ErrNotExist)
}

func (h *helper) awaitName(r *request, out *reply) error {
	var failed error
	out.OK, out.Took = waitUntil(r.Limit, func() bool {
		var names []string
		failed = h.call("readdir", h.scratch, func() error {
			d, err := os.Open(h.scratch)
			if err != nil {
				return cause(err)
			}
			defer d.Close()
			names, err = d.Readdirnames(-1)
			return cause(err)
		})
		return failed != nil || slices.Contains(names, r.Name)
	})
	return failed
}

// replace writes a new file beside Name and renames it over Name, Count times
// or until the limit; the last has Version, the others those before it.
func (h *helper) replace(r *request, out *reply) error {
	began := time.Now()
	for i := max(r.Count, 1) - 1; i >= 0; i-- {
		if i > 0 && time.Since(began) > r.Limit {
			i = 0
		}
		if err := h.replaceOnce(h.path(r), r.Version-uint64(i), i == 0); err != nil {
			return err
		}
		out.Count++
	}
	out.Took = time.Since(began)
	return h.syncDir(r, out)
}

func (h *helper) replaceOnce(path string, version uint64, durable bool) error {
	next, err := h.openFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	err = h.write(next, block(version, wholeSize), 0)
	if err == nil && durable {
		err = h.sync(next)
	}
	if errClose := h.call("close", next.Name(), func() error { return cause(next.Close()) }); err == nil {
		err = errClose
	}
	if err != nil {
		return err
	}
	return h.call("rename", path, func() error { return cause(os.Rename(next.Name(), path)) })
}

func (h *helper) syncDir(*request, *reply) error {
	return h.call("fsync", h.scratch, func() error {
		d, err := os.Open(h.scratch)
		if err != nil {
			return cause(err)
		}
		defer d.Close()
		return cause(d.Sync())
	})
}

// watch reads a file whole, by its name, until it has Version.
func (h *helper) watch(r *request, out *reply) error {
	w := &watched{}
	out.Watched = w
	last := uint64(0)
	began := time.Now()
	again := 0
	for last < r.Version && time.Since(began) < r.Limit {
		version, err := h.readWhole(h.path(r))
		w.Reads++
		if err == nil || !passing(err) {
			again = 0
		}
		switch {
		case passing(err):
			if again++; again == looks {
				w.Missing++
			} else {
				w.Again++
			}
		case errors.Is(err, errTorn):
			w.Torn++
		case err != nil:
			return err
		case version < last:
			w.Back++
		case version > last:
			w.Versions++
			last = version
		}
	}
	out.OK, out.Took = last >= r.Version, time.Since(began)
	return nil
}

// looks is how often a file is looked for before it counts as missing: where
// finding and opening are two steps, a replacement may come between them.
const looks = 6

var errTorn = errors.New("parts of two versions")

func (h *helper) readWhole(path string) (uint64, error) {
	f, err := h.openFile(path, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var b []byte
	err = h.call("read", path, func() (err error) {
		b, err = io.ReadAll(io.LimitReader(f, wholeSize+1))
		return cause(err)
	})
	if err != nil {
		return 0, err
	}
	version, whole := uint64(0), false
	if len(b) == wholeSize {
		version, whole = versionOf(b)
	}
	if !whole {
		return 0, fmt.Errorf("%s: %w", filepath.Base(path), errTorn)
	}
	return version, nil
}
