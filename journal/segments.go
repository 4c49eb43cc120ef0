package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// maxOpenFiles is how many files are kept open for reading.
const maxOpenFiles = 128

// segments are the files of a journal, open for reading as far as needed.
type segments struct {
	fs  vfs.FS
	dir string

	mu       sync.Mutex
	byNumber map[uint32]*segment // mu
	opened   int                 // mu; handles held
}

// segment is one journal file. segments.mu guards it.
type segment struct {
	number  uint32
	length  int64 // bytes of batches
	handle  vfs.File
	readers int
	gone    bool
	leaving bool // the log says that it is deleted
}

func newSegments(fs vfs.FS, dir string) *segments {
	return &segments{fs: fs, dir: dir, byNumber: map[uint32]*segment{}}
}

func (s *segments) path(number uint32) string { return filepath.Join(s.dir, fileName(number)) }

// put adds a file.
func (s *segments) put(number uint32, length int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byNumber[number] = &segment{number: number, length: length}
}

func (s *segments) setLength(number uint32, length int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byNumber[number].length = length
}

// numbers returns the files' numbers, ascending.
func (s *segments) numbers() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers := make([]uint32, 0, len(s.byNumber))
	for n := range s.byNumber {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}

// has reports whether a file is there.
func (s *segments) has(number uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byNumber[number] != nil
}

// size is the bytes of batches in all files.
func (s *segments) size() (total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.byNumber {
		total += f.length
	}
	return total
}

// readAt fills b from a file.
func (s *segments) readAt(number uint32, b []byte, offset int64) error {
	f, err := s.acquire(number)
	if err != nil {
		return err
	}
	defer s.release(f)
	if n, err := f.handle.ReadAt(b, offset); n < len(b) {
		return fmt.Errorf("read %d bytes at offset %d of %s: %w", len(b), offset, fileName(number), err)
	}
	return nil
}

func (s *segments) acquire(number uint32) (*segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byNumber[number]
	if f == nil {
		return nil, fmt.Errorf("%s is not in the journal: %w", fileName(number), store.ErrCorrupt)
	}
	if f.handle == nil {
		if s.opened >= maxOpenFiles {
			s.closeOneLocked()
		}
		handle, err := s.fs.Open(s.path(number))
		if errors.Is(err, fs.ErrNotExist) { // an ActiveMQ that woke may have deleted it
			if held, heldErr := s.fs.Open(filepath.Join(s.dir, heldName(number))); heldErr == nil {
				handle, err = held, nil
			}
		}
		if err != nil {
			return nil, err
		}
		f.handle = handle
		s.opened++
	}
	f.readers++
	return f, nil
}

// closeOneLocked closes the oldest file that nobody reads from.
func (s *segments) closeOneLocked() {
	var oldest *segment
	for _, f := range s.byNumber {
		if f.handle != nil && f.readers == 0 && (oldest == nil || f.number < oldest.number) {
			oldest = f
		}
	}
	if oldest != nil {
		s.closeLocked(oldest)
	}
}

// closeLocked closes a handle that was only read from, whose error says
// nothing.
func (s *segments) closeLocked(f *segment) {
	if f.handle != nil {
		_ = f.handle.Close()
		f.handle = nil
		s.opened--
	}
}

func (s *segments) release(f *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.readers--; f.readers == 0 && f.gone {
		s.closeLocked(f)
	}
}

// length is the bytes of batches in a file, 0 if it is not there.
func (s *segments) length(number uint32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.byNumber[number]; f != nil {
		return f.length
	}
	return 0
}

// replace makes handle the file of that number. Who reads from the old one
// goes on doing so.
func (s *segments) replace(number uint32, handle vfs.File, length int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(number)
	s.byNumber[number] = &segment{number: number, length: length, handle: handle}
	s.opened++
}

// remove forgets a file; it is closed when its readers are done.
func (s *segments) remove(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(number)
}

func (s *segments) removeLocked(number uint32) {
	f := s.byNumber[number]
	if f == nil {
		return
	}
	delete(s.byNumber, number)
	f.gone = true
	if f.readers == 0 {
		s.closeLocked(f)
	}
}

// close closes every handle.
func (s *segments) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.byNumber {
		if f.readers == 0 {
			s.closeLocked(f)
		}
		f.gone = true
	}
	clear(s.byNumber)
}
