package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/conclavemq/conclave/client"
)

// closeTime bounds the leave-taking of a connection.
const closeTime = 5 * time.Second

// Target says where and how to connect.
type Target struct {
	URL      string
	Client   client.Options
	Separate bool // a connection for each worker, else one for all
	Parallel int  // workers
}

// run opens the connections, runs work for each worker and joins them. The
// first failure ends the others. That ctx has ended is no failure: it is how a
// run without a count is stopped.
func (t *Target) run(ctx context.Context, work func(ctx context.Context, i int, conn *client.Conn) error) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conns, err := t.connect(ctx)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for i := range t.Parallel {
		conn := conns[i%len(conns)]
		all.Go(func() {
			if err := work(ctx, i, conn); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("worker %d: %w", i+1, err))
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil && outer.Err() == nil {
		return err
	}
	return nil
}

func (t *Target) connect(ctx context.Context) ([]*client.Conn, error) {
	n := 1
	if t.Separate {
		n = t.Parallel
	}
	var conns []*client.Conn
	for range n {
		conn, err := client.Dial(ctx, t.URL, t.Client)
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []*client.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for _, conn := range conns {
		_ = conn.Close(ctx) // what matters was acknowledged before
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errBatch reports a batch size that makes no sense.
var errBatch = errors.New("batch must not be negative")
