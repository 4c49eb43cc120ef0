package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/client/ledger"
)

const (
	serveLimit = time.Minute            // within which somebody serves again
	drainLimit = 30 * time.Second       // without progress of the consumers
	lookPeriod = 5 * time.Millisecond   // between two looks at what one waits for
	leastPace  = 500 * time.Microsecond // between two messages of a producer
)

// run is one trial. Its goroutine is the caller's; the clients have theirs.
type run struct {
	o       Options
	store   string // below the tried directory
	work    string // configurations, logs, sockets
	nodes   []*node
	clients *clients
	random  *rand.Rand
	report  *Report
	began   time.Time
}

// Run tries the directory out. The report is there whenever the trial came to
// its end; an error says that it did not, or what the options lack.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &run{o: o, random: rand.New(rand.NewPCG(o.Seed, 0)), report: &Report{Seed: o.Seed, Directory: o.Directory}}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	defer r.end()
	if err := r.try(ctx); err != nil {
		for _, n := range r.nodes {
			o.Log.Error("last lines of a broker's log", "broker", n.name, "log", n.lastWords())
		}
		return nil, fmt.Errorf("%w (seed %d; the brokers' logs are in %s, their store is %s)", err, o.Seed, r.work, r.store)
	}
	r.settle()
	return r.report, nil
}

func (r *run) prepare() (err error) {
	if r.store, err = os.MkdirTemp(r.o.Directory, "conclave-chaos-"); err != nil {
		return fmt.Errorf("make a folder in the directory: %w", err)
	}
	if r.work, err = os.MkdirTemp("", "conclave-chaos-"); err != nil {
		return err
	}
	for _, name := range []string{"a", "b"} {
		n, err := newNode(&r.o, name, r.work, filepath.Join(r.store, "kahadb"))
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	messages := r.o.Bytes / int64(r.o.Size)
	pace := time.Duration(int64(r.o.Duration) * int64(r.o.Producers) / messages)
	r.clients = &clients{url: failover(r.nodes), ledger: ledger.New(), size: r.o.Size, pace: max(pace, leastPace)}
	r.clients.budget.Store(messages)
	return nil
}

// end stops what still runs.
func (r *run) end() {
	for _, n := range r.nodes {
		if n.command == nil {
			continue
		}
		_ = n.signal(syscall.SIGCONT)
		_ = n.kill() // nothing depends on how it ends
	}
}

// try is the trial: load and faults, then what is left is received.
func (r *run) try(ctx context.Context) error {
	for _, n := range r.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	if _, err := r.master(ctx); err != nil {
		return err
	}
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	receiving, stopReceiving := context.WithCancel(ctx)
	defer stopReceiving()
	var producers, consumers sync.WaitGroup
	r.began = time.Now()
	for i := range r.o.Producers {
		producers.Go(func() { r.clients.produce(sending, "p"+strconv.Itoa(i)) })
	}
	for i := range r.o.Consumers {
		consumers.Go(func() { r.clients.consume(receiving, "c"+strconv.Itoa(i)) })
	}
	err := r.strikes(ctx)
	r.clients.budget.Store(0) // each producer ends with the send that it is at
	if err != nil {
		stopSending()
	}
	producers.Wait()
	if err == nil {
		err = r.drain(ctx)
	}
	stopReceiving()
	consumers.Wait()
	if err == nil {
		err = r.clients.failure()
	}
	return err
}

// strikes lets one fault after the other happen until the time is up.
func (r *run) strikes(ctx context.Context) error {
	if err := r.served(ctx, r.began); err != nil {
		return err
	}
	left := []string{}
	for time.Since(r.began) < r.o.Duration && r.clients.budget.Load() > 0 {
		rest(ctx, r.o.Interval/2+time.Duration(r.random.Int64N(int64(r.o.Interval))))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(left) == 0 { // each once, before any comes again
			left = slices.Clone(r.o.Faults)
			r.random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		if err := r.strike(ctx, left[0]); err != nil {
			return fmt.Errorf("%s: %w", left[0], err)
		}
		left = left[1:]
	}
	return nil
}

func (r *run) strike(ctx context.Context, name string) error {
	master, err := r.master(ctx)
	if err != nil {
		return err
	}
	f := faults[slices.IndexFunc(faults, func(f fault) bool { return f.name == name })]
	r.clients.gaps.begin()
	bounded, cancel := context.WithTimeout(ctx, serveLimit)
	defer cancel()
	if err := f.strike(bounded, r, master); err != nil {
		return err
	}
	if err := r.served(ctx, time.Now()); err != nil {
		return err
	}
	_, gap := r.clients.gaps.since(time.Time{})
	r.report.add(name, gap)
	r.say("%5.1f s  %-10s of %s: %d ms without an acknowledged send", time.Since(r.began).Seconds(), name, master.name, gap.Milliseconds())
	return nil
}

func (r *run) say(format string, args ...any) {
	if r.o.Progress != nil {
		r.o.Progress(fmt.Sprintf(format, args...))
	}
}

// served waits until a send that is acknowledged after t.
func (r *run) served(ctx context.Context, t time.Time) error {
	return r.await(ctx, serveLimit, "nobody acknowledged a send", func() bool {
		served, _ := r.clients.gaps.since(t)
		return served || r.clients.budget.Load() <= 0
	})
}

// master waits until one of the nodes serves.
func (r *run) master(ctx context.Context) (found *node, err error) {
	err = r.await(ctx, serveLimit, "nobody serves", func() bool {
		i := slices.IndexFunc(r.nodes, (*node).serving)
		if i >= 0 {
			found = r.nodes[i]
		}
		return i >= 0
	})
	return found, err
}

// drain waits until everything that was acknowledged has been received, or
// nothing has come for a while.
func (r *run) drain(ctx context.Context) error {
	last, changed := -1, time.Now()
	for len(r.clients.ledger.Missing()) > 0 && ctx.Err() == nil && r.clients.failure() == nil {
		if n := r.clients.ledger.Deliveries(); n != last {
			last, changed = n, time.Now()
		}
		if time.Since(changed) > drainLimit {
			break // lost: the report says so
		}
		rest(ctx, 10*lookPeriod)
	}
	rest(ctx, time.Second) // for duplicates, which nobody waits for
	return ctx.Err()
}

// await looks again and again; failure says what did not come to pass.
func (r *run) await(ctx context.Context, limit time.Duration, failure string, done func() bool) error {
	end := time.Now().Add(limit)
	for !done() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.clients.failure(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s for %v", failure, limit)
		}
		for _, n := range r.nodes {
			if !n.running() {
				return fmt.Errorf("broker %s has ended by itself", n.name)
			}
		}
		rest(ctx, lookPeriod)
	}
	return nil
}

// settle fills the report in, and removes what the trial has made if there is
// nothing to look into.
func (r *run) settle() {
	l := r.clients.ledger
	r.report.Duration = time.Since(r.began).Round(time.Millisecond)
	r.report.Sent, r.report.Acknowledged, r.report.Received = l.Tries(), l.Acks(), l.Deliveries()
	r.report.Faults = l.Faults()
	r.report.Problem = l.Check()
	if r.report.Problem != nil {
		r.report.Kept = []string{r.store, r.work}
		return
	}
	r.end()
	for _, dir := range []string{r.store, r.work} {
		if err := os.RemoveAll(dir); err != nil {
			r.o.Log.Warn("cannot remove what the trial has made", "error", err)
		}
	}
}
