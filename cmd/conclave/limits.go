package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/config"
)

// errLimit reports a limit that is larger than the disk, where limits are not
// to be adjusted.
var errLimit = errors.New("limit is too large")

// limits are what store and temporary store may take on their disks: no more
// than these are large. How much of them is free now does not count, as it does
// in ActiveMQ: a broker that starts on a full disk would never take more again.
// The broker's housekeeper uses them, after the start. (ActiveMQ:
// BrokerService.checkUsageLimit)
type limits struct {
	store, temp diskLimit
	lower       bool  // adjustUsageLimits
	regrow      int64 // diskUsageCheckRegrowThreshold
	level       slog.Level
	log         *slog.Logger
}

// diskLimit is one of them.
type diskLimit struct {
	name      string
	directory string
	given     config.DiskUsage
	remote    bool  // there is no disk to measure
	usual     int64 // the limit where nothing is said
	limit     int64 // bytes; 0 none
	asked     int64 // what limit was lowered from; 0: it was not
}

var logLevels = map[string]slog.Level{
	"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func newLimits(c *config.Broker, log *slog.Logger) *limits {
	u := &c.SystemUsage
	return &limits{
		store: diskLimit{name: "Store", directory: c.StoreDirectory(), remote: c.Database() != nil, given: u.StoreUsage, usual: config.DefaultStoreLimit},
		temp:  diskLimit{name: "Temporary Store", directory: c.TemporaryStore(), given: u.TempUsage, usual: config.DefaultTempLimit},
		lower: c.AdjustUsageLimits, regrow: c.DiskUsageCheckRegrowThreshold,
		level: logLevels[u.CheckLimitsLogLevel], log: log,
	}
}

// check is broker.SpaceOptions.Limits.
func (l *limits) check(storeUsed, tempUsed int64) (store, temp int64) {
	if err := l.adjust(storeUsed, tempUsed); err != nil {
		l.log.Error("disk usage limits are not checked", "error", err)
	}
	return l.store.limit, l.temp.limit
}

// adjust sets limits that are percentages and lowers those that the disk has
// no room for.
func (l *limits) adjust(storeUsed, tempUsed int64) error {
	return cmp.Or(l.one(&l.store, storeUsed), l.one(&l.temp, tempUsed))
}

func (l *limits) one(d *diskLimit, used int64) error {
	if d.remote {
		return d.unmeasured()
	}
	room, err := measure(d.directory)
	if err != nil {
		return fmt.Errorf("cannot measure the disk of %s: %w", d.directory, err)
	}
	if d.given.Total > 0 {
		room = d.given.Total
	}
	percentage := room / 100 * int64(d.given.PercentLimit)
	if d.limit == 0 { // the first time
		if d.limit = d.given.Limit; d.given.PercentLimit > 0 {
			d.limit = percentage
		}
	}
	switch grown := min(percentage, room); {
	case d.asked > d.limit && room > d.limit: // the disk has become larger
		d.limit = min(d.asked, room)
	case l.regrow >= 0 && d.given.Total == 0 && d.limit < grown && grown-d.limit >= l.regrow:
		l.log.Info(d.name+" limit grows again with the usable disk space", "from", d.limit, "to", grown, "directory", d.directory)
		d.limit = grown
	case d.limit > room:
		return l.reduce(d, used, room)
	}
	return nil
}

// unmeasured takes a limit as it is given: the disk is the database's.
func (d *diskLimit) unmeasured() error {
	if d.limit = d.given.Limit; d.given.PercentLimit > 0 {
		d.limit = d.given.Total / 100 * int64(d.given.PercentLimit)
	}
	return nil
}

func (l *limits) reduce(d *diskLimit, used, room int64) error {
	const mb = 1 << 20
	text := fmt.Sprintf("%s limit is %d mb (current store usage is %d mb). The disk of the data directory: %s only has %d mb.",
		d.name, d.limit/mb, used/mb, d.directory, room/mb)
	if !l.lower {
		return fmt.Errorf("%w: %s", errLimit, text)
	}
	level := l.level
	if d.limit == d.usual && d.given.PercentLimit == 0 {
		level = min(level, slog.LevelInfo) // nobody has asked for that much
	}
	l.log.Log(context.Background(), level, fmt.Sprintf("%s - resetting to that: %d mb", text, room/mb))
	d.asked, d.limit = max(d.asked, d.limit), room
	return nil
}

// lowered reports whether a limit is lower than it was asked to be.
func (l *limits) lowered() bool {
	return l.store.asked > l.store.limit || l.temp.asked > l.temp.limit
}

// measure gives the size of a file system, in bytes. A directory that is not
// there yet is measured by the one above it.
func measure(directory string) (total int64, err error) {
	var st unix.Statfs_t
	for {
		err = unix.Statfs(directory, &st)
		above := filepath.Dir(directory)
		if !errors.Is(err, unix.ENOENT) || above == directory {
			break
		}
		directory = above
	}
	return int64(st.Blocks) * int64(st.Bsize), err
}
