package inspect

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
)

// Position is a place in the journal.
type Position struct {
	File   uint32
	Offset int64
}

func (p Position) before(file uint32, offset int64) bool {
	return p.File < file || p.File == file && p.Offset < offset
}

// DumpOptions say which records Dump gives. The zero value is all, without
// what is in messages.
type DumpOptions struct {
	// Destination is a queue:// or topic:// name, or the name of either; ""
	// all.
	Destination string
	From        Position // the first place
	To          Position // the last one; zero is the end
	Types       []string // of journal.RecordTypes; none is all
	Headers     bool     // decode messages
	Body        bool     // with their contents
}

// Line is a record, or a damaged part.
type Line struct {
	File         string   `json:"file"`
	Offset       int64    `json:"offset"`
	Size         int64    `json:"size"`
	Batch        int64    `json:"batch"` // offset of its head
	Epoch        uint64   `json:"epoch,omitempty"`
	Checksum     string   `json:"checksum"` // ok, none or damaged
	Type         string   `json:"type"`
	Destination  string   `json:"destination,omitempty"`
	MessageID    string   `json:"messageId,omitempty"`
	Transaction  string   `json:"transaction,omitempty"`
	Subscription string   `json:"subscription,omitempty"`
	Text         string   `json:"text,omitempty"`
	Error        string   `json:"error,omitempty"`
	Held         *Held    `json:"held,omitempty"`
	Message      *Message `json:"message,omitempty"`
}

// Dump calls visit for the records of a directory, in order, until it returns
// an error. The line is only good until visit returns.
func Dump(o vfs.FS, directory string, options DumpOptions, visit func(*Line) error) error {
	files, err := journal.Files(o, directory)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Number < options.From.File || options.To != (Position{}) && f.Number > options.To.File {
			continue
		}
		d := dumper{options: options, w: newWalk(o, directory, f), visit: visit}
		if err := d.file(); err != nil {
			return err
		}
	}
	return nil
}

// dumper dumps one file.
type dumper struct {
	options DumpOptions
	w       *walk
	visit   func(*Line) error
	err     error
}

func (d *dumper) file() error {
	d.w.record, d.w.damage = d.record, d.damage
	_, err := d.w.run()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile
	}
	return errors.Join(d.err, err)
}

func (d *dumper) give(l *Line) {
	if d.err == nil {
		d.err = d.visit(l)
	}
	d.w.stop = d.err != nil
}

// wanted applies the bounds, and ends the walk behind the last.
func (d *dumper) wanted(offset int64) bool {
	to := d.options.To
	if to != (Position{}) && to.before(d.w.file.Number, offset) {
		d.w.stop = true
		return false
	}
	return !(d.w.file.Number == d.options.From.File && offset < d.options.From.Offset)
}

func (d *dumper) ofType(name string) bool {
	for _, t := range d.options.Types {
		if t == name {
			return true
		}
	}
	return len(d.options.Types) == 0
}

func (d *dumper) damage(found journal.Damage) {
	if !d.wanted(found.Offset) || !d.ofType("damaged") || d.options.Destination != "" {
		return
	}
	d.give(&Line{File: found.File, Offset: found.Offset, Size: found.Length, Batch: found.Offset, Epoch: d.w.file.Epoch,
		Checksum: "damaged", Type: "damaged", Error: found.Reason, Held: d.w.held(found)})
}

func (d *dumper) record(b *journal.Batch, r *journal.Record) {
	if !d.wanted(r.Offset) || !d.ofType(r.Type()) {
		return
	}
	destination, ok := r.Destination()
	if d.options.Destination != "" && !(ok && Matches(d.options.Destination, destination)) {
		return
	}
	l := lineOf(d.w.file, b, r)
	if ok {
		l.Destination = destination.String()
	}
	if (d.options.Headers || d.options.Body) && r.Adds() {
		m, err := r.Message(d.w.codec)
		if err != nil {
			l.Error = err.Error()
		} else {
			l.Message = MessageOf(m, d.options.Body)
		}
	}
	d.give(l)
}

func lineOf(f journal.File, b *journal.Batch, r *journal.Record) *Line {
	l := &Line{File: f.Name, Offset: r.Offset, Size: int64(r.Size), Batch: b.Offset, Epoch: f.Epoch, Checksum: "ok", Type: r.Type()}
	if !b.Checked {
		l.Checksum = "none"
	}
	if r.Err != nil {
		l.Error = r.Err.Error()
		return l
	}
	l.MessageID, l.Subscription, l.Text = string(r.MessageID()), string(r.Subscription()), string(r.Text())
	if id, err := r.Transaction(); err != nil {
		l.Error = err.Error()
	} else {
		l.Transaction = id.String()
	}
	return l
}

// Matches reports that a name as people write it means a destination: with a
// prefix that one, without any of that name.
func Matches(name string, d message.Destination) bool { return name == d.Name || name == d.String() }

// String is one line for people.
func (l *Line) String() string {
	text := fmt.Sprintf("%s %d %d epoch=%d checksum=%s %s", l.File, l.Offset, l.Size, l.Epoch, l.Checksum, l.Type)
	for _, part := range [][2]string{{"destination", l.Destination}, {"id", l.MessageID}, {"transaction", l.Transaction},
		{"subscription", l.Subscription}, {"text", l.Text}, {"error", l.Error}} {
		if part[1] != "" {
			text += fmt.Sprintf(" %s=%q", part[0], part[1])
		}
	}
	if l.Held != nil {
		text += fmt.Sprintf(" recognised=%q", l.Held.String())
	}
	return text
}
