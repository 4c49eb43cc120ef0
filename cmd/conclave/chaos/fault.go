package chaos

import (
	"context"
	"syscall"
	"time"
)

// fault is something that happens to the master. It returns when it is over
// but for the wait for somebody to serve; the nodes all run again then.
type fault struct {
	name   string
	strike func(ctx context.Context, r *run, master *node) error
}

// A pause below the lease's window changes nothing but the pause; one above it
// silences the master until it has proven its lease anew.
const (
	shortPause = 2 * time.Second
	longPause  = 8 * time.Second
)

var faults = []fault{
	{"kill", func(_ context.Context, _ *run, m *node) error {
		if err := m.kill(); err != nil {
			return err
		}
		return m.start()
	}},
	{"stop", func(ctx context.Context, _ *run, m *node) error {
		if err := m.signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-m.exited:
			return m.start()
		case <-ctx.Done():
			return ctx.Err()
		}
	}},
	{"switchover", func(ctx context.Context, _ *run, m *node) error { return m.handOver(ctx) }},
	{"pause", func(ctx context.Context, _ *run, m *node) error { return pause(ctx, m, shortPause) }},
	{"long-pause", func(ctx context.Context, _ *run, m *node) error { return pause(ctx, m, longPause) }},
	{"kill-both", func(_ context.Context, r *run, _ *node) error {
		for _, n := range r.nodes {
			if err := n.kill(); err != nil {
				return err
			}
		}
		for _, n := range r.nodes {
			if err := n.start(); err != nil {
				return err
			}
		}
		return nil
	}},
}

// pause freezes a process and lets it go on, whatever happens.
func pause(ctx context.Context, n *node, d time.Duration) error {
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	rest(ctx, d)
	return n.signal(syscall.SIGCONT)
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
