package journal

import (
	"fmt"
	"path/filepath"
	"sync"
)

// ahead reads and verifies files on a goroutine of its own, a few pieces ahead
// of the replay.
type ahead struct {
	pieces chan *piece
	free   chan *piece
	stop   chan struct{}
	ended  sync.WaitGroup
	// progress is told of every piece that is replayed.
	progress *progress
}

// piece is what one read has brought of a file, or less.
type piece struct {
	buf   []byte
	found []found
	last  bool  // of its file
	err   error // why the file cannot be read further; in its last piece
}

// found is a batch or, instead, damage.
type found struct {
	offset  int64
	payload []byte // part of the piece's buffer
	damage  *Damage
}

// piecesAhead is how many pieces there are: one being replayed, one read,
// others between. No channel needs more room.
const piecesAhead = 4

// readAhead begins to read files, in order. limit says how far each belongs to
// the journal; it may wait.
func readAhead(o *Options, files []diskFile, p *progress, limit func(i int) int64) *ahead {
	a := &ahead{progress: p, pieces: make(chan *piece, piecesAhead), free: make(chan *piece, piecesAhead), stop: make(chan struct{})}
	for range piecesAhead {
		a.free <- &piece{}
	}
	a.ended.Go(func() {
		for i, f := range files {
			r := fileReader{ahead: a}
			if !r.take() {
				return
			}
			err := r.read(o, f, limit(i))
			if r.piece == nil {
				return
			}
			r.piece.last, r.piece.err = true, err
			a.pieces <- r.piece
		}
	})
	return a
}

// close ends the reading.
func (a *ahead) close() {
	close(a.stop)
	a.ended.Wait()
}

// release gives a piece back that has been replayed.
func (a *ahead) release(p *piece) {
	clear(p.found)
	p.found, p.last, p.err, p.buf = p.found[:0], false, nil, p.buf[:0]
	if cap(p.buf) > maxScanBuffer {
		p.buf = nil
	}
	a.free <- p
}

// fileReader reads one file into pieces.
type fileReader struct {
	ahead *ahead
	piece *piece // nil when the reading has been ended
}

func (r *fileReader) take() bool {
	select {
	case r.piece = <-r.ahead.free:
		return true
	case <-r.ahead.stop:
		r.piece = nil
		return false
	}
}

func (r *fileReader) read(o *Options, f diskFile, limit int64) error {
	number := f.number
	handle, err := o.FS.Open(filepath.Join(o.Directory, fileName(number)))
	if err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	s := &scanner{file: handle, length: limit, renew: r.renew}
	s.damage = func(offset, length int64, reason string) {
		r.piece.found = append(r.piece.found,
			found{damage: &Damage{File: fileName(number), Offset: offset, Length: length, Reason: reason}})
	}
	_, err = s.scanFrom(f.from, func(offset int64, payload []byte) error {
		r.piece.found = append(r.piece.found, found{offset: offset, payload: payload})
		return nil
	})
	return err
}

// renew passes on what was found in the buffer, and returns one of n bytes.
func (r *fileReader) renew(n int64) ([]byte, error) {
	if len(r.piece.found) > 0 {
		r.ahead.pieces <- r.piece
		if !r.take() {
			return nil, errStopped
		}
	}
	if int64(cap(r.piece.buf)) < n {
		r.piece.buf = make([]byte, n)
	}
	r.piece.buf = r.piece.buf[:n]
	return r.piece.buf, nil
}
