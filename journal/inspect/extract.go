package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// ExtractOptions say which messages Extract gives.
type ExtractOptions struct {
	// Destination is a queue:// or topic:// name, or the name of either.
	Destination string
	// Damaged asks for what decodes in damaged parts, too, and in side files.
	// No checksum vouches for it.
	Damaged bool
}

// Origin is where an extracted message lies.
type Origin struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	// Damaged says that it lies in a damaged part, where it may have been
	// consumed, or changed, without a trace.
	Damaged bool `json:"damaged,omitempty"`
	// Transaction is the one that a message in a damaged part belongs to.
	Transaction string `json:"transaction,omitempty"`
}

// Extracted counts what Extract gave.
type Extracted struct {
	Messages   int `json:"messages"`
	Damaged    int `json:"damaged"`    // of those, from damaged parts
	Unreadable int `json:"unreadable"` // left out
}

// Extract calls visit for the messages that wait in a destination, in order,
// then for those in damaged parts. Of a topic these are the ones that some
// durable subscription has not acknowledged.
func Extract(o vfs.FS, directory string, options ExtractOptions, visit func(*message.Message, Origin) error) (Extracted, error) {
	c, err := journal.Load(o, directory)
	if err != nil {
		return Extracted{}, err
	}
	defer c.Close()
	x := &extraction{fs: o, directory: directory, options: options, contents: c, visit: visit, codec: openwire.NewStore(openwire.StoreVersion)}
	for _, h := range c.Destinations() {
		if !Matches(options.Destination, h.Destination) {
			continue
		}
		c.Each(h.Destination, "", func(p journal.Place) bool {
			m, err := c.Message(p)
			if err != nil {
				x.Unreadable++
				return true
			}
			x.give(m, Origin{File: journal.FileName(p.File), Offset: p.Offset})
			return x.err == nil
		})
	}
	if options.Damaged && x.err == nil {
		x.err = x.fromDamage()
	}
	return x.Extracted, x.err
}

// extraction is an Extract under way.
type extraction struct {
	Extracted
	fs        vfs.FS
	directory string
	options   ExtractOptions
	contents  *journal.Contents
	visit     func(*message.Message, Origin) error
	codec     *openwire.Store
	err       error
}

func (x *extraction) give(m *message.Message, at Origin) {
	if x.err = x.visit(m, at); x.err == nil {
		x.Messages++
		if at.Damaged {
			x.Damaged++
		}
	}
}

// piece is a part of a file to look through.
type piece struct {
	file           string
	offset, length int64
}

// candidate is a message that was recognised in a piece.
type candidate struct {
	Origin
	size int
	key  string
}

// fromDamage gives what is recognised in damaged parts and was neither stored
// again nor consumed, as far as the sound parts say.
func (x *extraction) fromDamage() error {
	pieces, err := x.pieces()
	if err != nil {
		return err
	}
	var found []candidate
	seen := map[string]bool{}
	for _, p := range pieces {
		b, err := readPart(x.fs, filepath.Join(x.directory, p.file), p.offset, p.length)
		if err != nil {
			return fmt.Errorf("read %s: %w", p.file, err)
		}
		journal.Salvage(b, p.offset, func(r *journal.Record) {
			if c, ok := x.candidate(p.file, r); ok && !seen[c.key] {
				seen[c.key] = true
				found = append(found, c)
			}
		})
	}
	if len(found) == 0 {
		return nil
	}
	consumed, err := x.consumed(seen)
	if err != nil {
		return err
	}
	for _, c := range found {
		if consumed[c.key] {
			continue
		}
		b, err := readPart(x.fs, filepath.Join(x.directory, c.File), c.Offset, int64(c.size))
		if err != nil {
			return fmt.Errorf("read %s: %w", c.File, err)
		}
		journal.Salvage(b, c.Offset, func(r *journal.Record) {
			if m, err := r.Message(x.codec); err == nil && x.err == nil {
				x.give(m, c.Origin)
			}
		})
		if x.err != nil {
			return x.err
		}
	}
	return nil
}

func (x *extraction) candidate(file string, r *journal.Record) (c candidate, ok bool) {
	d, ok := r.Destination()
	if !ok || !r.Adds() || !Matches(x.options.Destination, d) {
		return c, false
	}
	m, err := r.Message(x.codec)
	if err != nil || x.contents.Holds(d, m.ID) {
		return c, false
	}
	c = candidate{Origin{File: file, Offset: r.Offset, Damaged: true}, r.Size, d.String() + " " + string(r.MessageID())}
	if id, err := r.Transaction(); err == nil {
		c.Transaction = id.String()
	}
	return c, true
}

// consumed tells which of the messages the journal says to have been removed.
// What one of several subscriptions has acknowledged does not count.
func (x *extraction) consumed(keys map[string]bool) (map[string]bool, error) {
	gone := map[string]bool{}
	for _, f := range x.contents.Files {
		w := newWalk(x.fs, x.directory, f)
		w.record = func(_ *journal.Batch, r *journal.Record) {
			if !r.Removes() || r.Subscription() != nil {
				return
			}
			d, _ := r.Destination()
			if key := d.String() + " " + string(r.MessageID()); keys[key] {
				gone[key] = true
			}
		}
		if _, err := w.run(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return gone, nil
}

// pieces are the damaged parts of the journal's files, and the side files.
func (x *extraction) pieces() (pieces []piece, err error) {
	for _, d := range x.contents.Damage {
		if d.Missing == 0 {
			pieces = append(pieces, piece{d.File, d.Offset, d.Length})
		}
	}
	names, err := x.fs.List(x.directory)
	if err != nil {
		return nil, fmt.Errorf("list journal directory: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		_, rest, ok := strings.Cut(name, ".log"+asideSuffix)
		if !ok {
			continue
		}
		size, err := x.fs.Size(filepath.Join(x.directory, name))
		if err != nil {
			return nil, err
		}
		if rest != "" {
			pieces = append(pieces, piece{name, 0, size})
			continue
		}
		// A whole file, most of which is sound and has had its time.
		f := journal.File{Name: name, Size: size, Limit: size}
		w := newWalk(x.fs, x.directory, f)
		w.damage = func(d journal.Damage) { pieces = append(pieces, piece{name, d.Offset, d.Length}) }
		if _, err := w.run(); err != nil {
			return nil, err
		}
	}
	return pieces, nil
}
