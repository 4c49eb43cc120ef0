package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/store"
)

// ErrLost: this node was master and may not be any more. Nothing has been
// closed; see the package comment.
var ErrLost = errors.New("mastership is lost")

// ErrTakeOver: this node waited as a slave and could not serve when its turn
// came. It has given the lock back.
var ErrTakeOver = errors.New("mastership could not be taken over")

// ErrUnclean: a stop did not finish within its bound.
var ErrUnclean = errors.New("stopped without finishing")

// Service is what a master runs: store, broker and ports.
type Service interface {
	// URIs are where clients connect.
	URIs() []string
	// Failed is closed when the store can take no more.
	Failed() <-chan struct{}
	// Silence closes ports and sockets: not one byte more to any client. It
	// does not block and touches no file.
	Silence()
	// Stop ends cleanly, but for clients that are left waiting for another
	// master until Dismiss. What is not finished when ctx ends is cut short;
	// the store is closed in any case.
	Stop(ctx context.Context) error
	// Yield is Stop when another is to serve at once. drain bounds the wait for
	// acknowledgements and the wait for transactions.
	Yield(ctx context.Context, drain time.Duration) (Residue, error)
	// Dismiss ends the connections that Stop or Yield left.
	Dismiss()
}

// Options configures a Node. Start is needed.
type Options struct {
	// Locker elects the master; nil: there is nothing to share and no lock.
	Locker lock.Locker
	// Start makes this node serve; lease is nil if Locker is. ctx ends when
	// the lease is lost or the node is to stop.
	Start func(ctx context.Context, lease store.Lease) (Service, error)
	// Follow prepares this node to serve while it waits for the lock, until ctx
	// ends. It changes nothing in the store. It may be nil.
	Follow func(ctx context.Context)
	// Designate records who shall have the lock next, and returns how long
	// others will give way; Holder reads who has it. Without them this node
	// cannot hand over.
	Designate func(epoch uint64, successor string) (time.Duration, error)
	Holder    func() (lock.Status, error)
	// TakeTime is how long a slave may take to notice that the lock is free; 0
	// is 1 s.
	TakeTime time.Duration
	// StopTimeout bounds the work in flight at a clean stop; 0 is 10 s.
	StopTimeout time.Duration
	Log         *slog.Logger // nil: slog.Default()
}

// Node is one process's part in an election.
type Node struct {
	options Options
	log     *slog.Logger
	orders  chan order // to the mastership

	mu     sync.Mutex
	status Status // guarded by mu
}

// New makes a node that does nothing until Run.
func New(options Options) *Node {
	n := &Node{options: options, log: options.Log, orders: make(chan order)}
	if n.log == nil {
		n.log = slog.Default()
	}
	if n.options.StopTimeout == 0 {
		n.options.StopTimeout = 10 * time.Second
	}
	if n.options.TakeTime == 0 {
		n.options.TakeTime = time.Second
	}
	n.become(Slave, 0, nil)
	return n
}

// Run waits for the lock, serves, and stops cleanly when ctx ends; it then
// returns nil, or ErrUnclean when something hung. It returns ErrLost when the
// lease or the store is lost, ErrHandedOver after a hand-over, ErrTakeOver when
// it could not serve though it was its turn after another, and other errors
// when it could not serve.
func (n *Node) Run(ctx context.Context) error {
	if n.options.Locker == nil {
		return n.serve(ctx, nil, nil)
	}
	stopFollowing := n.follow(ctx)
	lease, err := n.options.Locker.Acquire(ctx)
	stopFollowing()
	switch {
	case err != nil && ctx.Err() != nil:
		n.log.Info("attempt to obtain lock aborted due to shutdown")
		return nil
	case err != nil:
		return fmt.Errorf("obtain lock: %w", err)
	}
	return n.serve(ctx, lease, lease.Lost())
}

// follow calls Options.Follow until the returned function is called, which does
// not wait for the end: it may hang with the storage.
func (n *Node) follow(ctx context.Context) (stop func()) {
	if n.options.Follow == nil {
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	go n.options.Follow(ctx)
	return stop
}

// serve is the mastership. lease and lost are nil together.
func (n *Node) serve(ctx context.Context, lease *lock.Lease, lost <-chan struct{}) error {
	n.become(Starting, epoch(lease), nil)
	service, err := n.start(ctx, lease, lost)
	if service == nil {
		return err
	}
	n.become(Master, epoch(lease), service.URIs())
	return n.mastership(ctx, service, lease, lost)
}

// mastership lasts until something ends it.
func (n *Node) mastership(ctx context.Context, service Service, lease *lock.Lease, lost <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return n.stop(service, lease)
	case o := <-n.orders:
		return n.handOver(ctx, service, lease, o)
	case <-lost:
		service.Silence()
		return fmt.Errorf("%w: %w", ErrLost, lease.Cause())
	case <-service.Failed():
		service.Silence()
		return fmt.Errorf("%w: %w", ErrLost, store.ErrFailed)
	}
}

// start calls Options.Start, without waiting for it once the lease is lost.
// Without a service there is nothing left to do.
func (n *Node) start(ctx context.Context, lease *lock.Lease, lost <-chan struct{}) (Service, error) {
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		service Service
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		service, err := n.options.Start(starting, given(lease))
		done <- outcome{service, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-lost:
		return nil, fmt.Errorf("%w: %w", ErrLost, lease.Cause())
	case <-ctx.Done():
		// A start ends soon after its context, unless the storage hangs.
		select {
		case o = <-done:
		case <-time.After(n.options.StopTimeout):
			return nil, fmt.Errorf("%w: the store was being opened", ErrUnclean)
		}
	}
	if o.err == nil {
		return o.service, nil
	}
	err := errors.Join(o.err, release(lease))
	if ctx.Err() != nil {
		n.log.Info("start aborted due to shutdown", "error", err)
		return nil, nil
	}
	if lease != nil && lease.Waited() {
		err = fmt.Errorf("%w: %w", ErrTakeOver, err)
	}
	return nil, err
}

// stop is the clean end: the lock goes last.
func (n *Node) stop(service Service, lease *lock.Lease) error {
	n.become(Stopping, epoch(lease), nil)
	bounded, cancel := context.WithTimeout(context.Background(), n.options.StopTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- service.Stop(bounded) }()
	select {
	case err := <-done:
		err = errors.Join(err, release(lease))
		n.linger(lease)
		service.Dismiss()
		return err
	case <-time.After(n.options.StopTimeout + stopGrace):
		service.Silence()
		return fmt.Errorf("%w: the store does not close", ErrUnclean)
	}
}

// lingerTime is how long clients are left waiting at a clean stop for a slave
// to take the lock. Where there is one, it is woken at once.
const lingerTime = 100 * time.Millisecond

// linger waits a little for a successor, which clients then find at once.
func (n *Node) linger(lease *lock.Lease) {
	if lease == nil || n.options.Holder == nil {
		return
	}
	var outcome Outcome
	n.await(context.Background(), &outcome, lease.Epoch(), lingerTime)
}

// stopGrace is what closing the store may take beyond the work in flight.
const stopGrace = 5 * time.Second

func epoch(lease *lock.Lease) uint64 {
	if lease == nil {
		return 0
	}
	return lease.Epoch()
}

func release(lease *lock.Lease) error {
	if lease == nil {
		return nil
	}
	return lease.Release()
}

// given keeps a nil *lock.Lease a nil store.Lease.
func given(lease *lock.Lease) store.Lease {
	if lease == nil {
		return nil
	}
	return lease
}
