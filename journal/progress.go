package journal

import (
	"fmt"
	"log/slog"
	"time"
)

// progress reports how far a long replay is: the first time after
// progressAfter, then every progressEvery. One goroutine uses it; a nil one
// does nothing.
type progress struct {
	log         *slog.Logger
	directory   string
	total, done int64 // bytes
	messages    func() int
	began, next time.Time
	told        bool
}

const (
	progressAfter = 2 * time.Second
	progressEvery = 3 * time.Second
)

// newProgress begins a replay of about total bytes.
func newProgress(o *Options, total int64, messages func() int) *progress {
	now := time.Now()
	return &progress{log: o.Log, directory: o.Directory, total: total, messages: messages, began: now, next: now.Add(progressAfter)}
}

// add notes that n bytes more have been replayed.
func (p *progress) add(n int64) {
	if p == nil {
		return
	}
	p.done += n
	if now := time.Now(); !now.Before(p.next) {
		p.next, p.told = now.Add(progressEvery), true
		p.tell(now)
	}
}

func (p *progress) tell(now time.Time) {
	took := now.Sub(p.began)
	speed := float64(p.done) / took.Seconds()
	total := max(p.total, p.done)
	left := time.Duration(float64(total-p.done) / speed * float64(time.Second))
	p.log.Info("the journal is being replayed", "directory", p.directory,
		"percent", fmt.Sprintf("%.1f", 100*float64(p.done)/float64(max(total, 1))), "bytes", p.done, "ofBytes", total,
		"messages", p.messages(), "MBperSecond", fmt.Sprintf("%.0f", speed/1e6), "leftSeconds", int64(left.Seconds()+0.5))
}
