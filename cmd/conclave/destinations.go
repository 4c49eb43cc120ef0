package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// destinationFile is the file of the destinationsPlugin: the names of the
// broker's destinations, "queue://A", one a line. It is read at the start and
// written whenever it is out of date, where ActiveMQ writes it at a clean stop
// alone. (ActiveMQ: DestinationsPlugin)
type destinationFile struct {
	path    string
	log     *slog.Logger
	written []byte
}

// newDestinationFile returns nil without the plugin.
func newDestinationFile(c *config.Broker, log *slog.Logger) *destinationFile {
	p := c.Plugins.Destinations
	if p == nil {
		return nil
	}
	return &destinationFile{path: cmp.Or(p.Location, filepath.Join(c.DataDirectory, c.BrokerName, "destinations")), log: log}
}

// maxDestinationFile bounds what is read, bytes.
const maxDestinationFile = 64 << 20

// read returns what the file lists that can be made: no advisory topics, and
// nothing that belongs to a connection.
func (f *destinationFile) read() (list []message.Destination) {
	if f == nil {
		return nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("cannot read the file of destinations", "file", f.path, "error", err)
		}
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() > maxDestinationFile {
		f.log.Warn("the file of destinations is not read", "file", f.path, "limit", maxDestinationFile, "error", err)
		return nil
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			if d := message.ParseDestination(text, message.Queue); listed(d) {
				list = append(list, d)
			}
		}
	}
	if err := lines.Err(); err != nil {
		f.log.Warn("the file of destinations is read in part", "file", f.path, "error", err)
	}
	return list
}

func listed(d message.Destination) bool { return !d.Kind.IsTemporary() && !d.IsAdvisory() }

// write puts the broker's destinations into the file, if it lists others.
func (f *destinationFile) write(b *broker.Broker) {
	var text bytes.Buffer
	for _, d := range b.Destinations() {
		if listed(d.Destination) {
			text.WriteString(d.Destination.String() + "\n")
		}
	}
	if slices.Equal(text.Bytes(), f.written) {
		return
	}
	if err := replace(f.path, text.Bytes()); err != nil {
		f.log.Warn("cannot write the file of destinations", "file", f.path, "error", err)
		return
	}
	f.written = text.Bytes()
}

// replace writes a file in place of another, whole or not at all.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// destinationPeriod is how long the file may be out of date.
const destinationPeriod = 10 * time.Second

// keep writes the file until the function that it returns is called, while
// this process is the master.
func (f *destinationFile) keep(b *broker.Broker, lease store.Lease) (end func()) {
	if f == nil {
		return func() {}
	}
	write := func() {
		if lease == nil || lease.Valid() {
			f.write(b)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(destinationPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				write()
				return
			case <-ticker.C:
				write()
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
