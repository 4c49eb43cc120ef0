package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// conflicts are the pairs of kinds that must exclude each other: the holder's
// and the other's. flock alone and a byte-range lock alone need not.
var conflicts = []struct{ held, tried string }{
	{kindBoth, kindBoth},
	{kindBoth, kindFlock}, {kindFlock, kindBoth},
	{kindBoth, kindOFD}, {kindOFD, kindBoth},
	{kindBoth, kindPOSIX}, {kindPOSIX, kindBoth},
	{kindFlock, kindFlock}, {kindOFD, kindOFD},
}

// Slots of the helpers.
const (
	slotHeld  = 0
	slotTried = 1
)

// exclusion has each of two processes hold each kind of lock while the other
// tries.
func (c *checker) exclusion(ctx context.Context) (Result, error) {
	var granted []string
	worst, brokers := OK, false
	for _, pair := range conflicts {
		for _, parties := range [][2]party{{c.a, c.b}, {c.b, c.a}} {
			excluded, err := c.excludes(ctx, parties[0], parties[1], pair.held, pair.tried)
			if err != nil {
				return Result{}, err
			}
			if !excluded {
				granted = append(granted, kindNames[pair.tried]+" beside the other's "+kindNames[pair.held])
				worst = max(worst, gravity(pair.held, pair.tried))
				brokers = brokers || pair.held == kindBoth && pair.tried == kindBoth
			}
		}
	}
	between := "two processes"
	if c.peer != "" {
		between = "the two hosts"
	}
	if worst == OK {
		return Result{Reason: "flock, OFD and fcntl locks exclude between " + between}, nil
	}
	r := Result{Verdict: worst, Reason: between + " had locks at once that must exclude each other: " + listed(compact(granted)),
		Remedy: "switch locks on (NFS: vers=4 without nolock and local_lock; FUSE: the program's lock options), or use another file system"}
	switch {
	case brokers:
		r.Reason += ". Two brokers would be master"
	case worst == Unsafe:
		r.Reason += ". A broker and an ActiveMQ would both be master"
	default:
		r.Reason += ". A broker's byte-range lock excludes all the same"
	}
	return r, nil
}

// gravity: a pair in which only flock could exclude is not what keeps brokers
// apart.
func gravity(held, tried string) Verdict {
	if held == kindFlock || tried == kindFlock {
		return Warn
	}
	return Unsafe
}

// listed names the first two of the pairs, the gravest of which come first.
func listed(pairs []string) string {
	const most = 2
	if len(pairs) > most {
		return fmt.Sprintf("%s, and %d other pairs", strings.Join(pairs[:most], ", "), len(pairs)-most)
	}
	return strings.Join(pairs, ", ")
}

func compact(list []string) []string {
	var once []string
	seen := make(map[string]bool)
	for _, s := range list {
		if !seen[s] {
			seen[s], once = true, append(once, s)
		}
	}
	return once
}

// excludes has one party hold a lock and the other try, and checks that what
// was let go can be had.
func (c *checker) excludes(ctx context.Context, holder, other party, held, tried string) (bool, error) {
	name := c.newName("lock")
	if err := c.hold(ctx, holder, name, held); err != nil {
		return false, err
	}
	answer, err := c.all(ctx, other, request{Op: opOpen, Name: name, Slot: slotTried}, request{Op: opLock, Slot: slotTried, Kind: tried})
	if err != nil {
		return false, err
	}
	excluded := !answer.OK
	_, err = holder.call(ctx, request{Op: opClose, Slot: slotHeld})
	if err == nil && excluded {
		// Closed and opened, since a half of two that was had is still held.
		answer, err = c.all(ctx, other, request{Op: opClose, Slot: slotTried}, request{Op: opPoll, Name: name, Kind: tried, Limit: c.CallTime})
		if err == nil && !answer.OK {
			err = &helperError{"a " + kindNames[tried] + " cannot be had after its holder has closed the file", 0}
		}
		return excluded, err
	}
	if err == nil {
		_, err = other.call(ctx, request{Op: opClose, Slot: slotTried})
	}
	return excluded, err
}

// hold opens a file and takes its lock.
func (c *checker) hold(ctx context.Context, p party, name, kind string) error {
	answer, err := c.all(ctx, p, request{Op: opOpen, Name: name, Slot: slotHeld}, request{Op: opLock, Slot: slotHeld, Kind: kind})
	if err == nil && !answer.OK {
		err = &helperError{fmt.Sprintf("a %s on a new file is refused", kindNames[kind]), 0}
		if kind == kindBoth {
			err = errAliased
		}
	}
	return err
}

var errAliased = &helperError{"flock and OFD lock on one descriptor exclude each other", unix.EDEADLK}

// aliasing looks for the traps of file systems that make one kind of lock of
// another: on the broker's one descriptor they must not conflict, and closing
// another descriptor of the file must not let go.
func (c *checker) aliasing(ctx context.Context) (Result, error) {
	name := c.newName("alias")
	if err := c.hold(ctx, c.a, name, kindBoth); errors.Is(err, errAliased) {
		return Result{Verdict: Unsafe, Reason: err.Error() + ": no broker could get its lock", Remedy: "use another file system"}, nil
	} else if err != nil {
		return Result{}, err
	}
	again, err := c.a.call(ctx, request{Op: opLock, Slot: slotHeld, Kind: kindBoth})
	if err != nil {
		return Result{}, err
	}
	_, err = c.all(ctx, c.a, request{Op: opOpen, Name: name, Slot: slotTried}, request{Op: opClose, Slot: slotTried})
	if err != nil {
		return Result{}, err
	}
	stolen, err := c.b.call(ctx, request{Op: opPoll, Name: name, Kind: kindBoth})
	if err == nil {
		_, err = c.a.call(ctx, request{Op: opClose, Slot: slotHeld})
	}
	if err != nil {
		return Result{}, err
	}
	switch {
	case !again.OK:
		return Result{Verdict: Unsafe, Reason: "a holder that locks again, as it does every second, is refused: it would give up its lock", Remedy: "use another file system"}, nil
	case stolen.OK:
		return Result{Verdict: Unsafe, Reason: "closing another descriptor of the lock file let go of the lock", Remedy: "use another file system, or a program behind it that keeps locks by open file"}, nil
	}
	emulated, err := c.excludes(ctx, c.a, c.b, kindOFD, kindFlock)
	if err != nil {
		return Result{}, err
	}
	r := Result{Reason: "both locks are held on one descriptor, again and again, and only its closing lets go"}
	if emulated {
		r.Reason += "; flock is made of byte-range locks here"
	}
	return r, nil
}

// slowRelease is when a process's death is felt by clients.
const slowRelease = time.Second

// release kills a holder and takes the time until another has its lock.
func (c *checker) release(ctx context.Context) (Result, error) {
	polled, err := c.killHolder(ctx, func(name string) request {
		return request{Op: opPoll, Name: name, Kind: kindBoth, Limit: c.CallTime}
	})
	if err != nil {
		return Result{}, err
	}
	if polled > c.CallTime {
		return Result{Verdict: Unsafe, Reason: fmt.Sprintf("a lock was still held %v after kill -9 of its holder: nobody would take over", c.CallTime),
			Remedy: "see the server's locks and its lock time-out; use NFSv4 rather than NFSv3"}, nil
	}
	r := Result{Reason: fmt.Sprintf("kill -9 of a holder frees its lock in %v", rounded(polled))}
	slowest := polled
	if c.local { // where a slave waits in the kernel
		blocked, err := c.killHolder(ctx, func(name string) request {
			return request{Op: opLock, Slot: slotTried, Kind: kindBoth, Wait: true}
		})
		if err != nil {
			return Result{}, err
		}
		slowest = max(slowest, blocked)
		r.Reason += fmt.Sprintf("; a waiter in the kernel is woken in %v", rounded(blocked))
	}
	if slowest > slowRelease {
		r.Verdict, r.Remedy = Warn, "see the server's load and its lock time-out: clients wait as long at every failover"
	}
	return r, nil
}

// killHolder has b hold the lock, a ask for it, and kills b.
func (c *checker) killHolder(ctx context.Context, ask func(name string) request) (time.Duration, error) {
	name := c.newName("kill")
	if err := c.hold(ctx, c.b, name, kindBoth); err != nil {
		return 0, err
	}
	asked := ask(name)
	if asked.Op == opLock {
		if _, err := c.a.call(ctx, request{Op: opOpen, Name: name, Slot: slotTried}); err != nil {
			return 0, err
		}
	}
	type outcome struct {
		answer reply
		at     time.Time
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := c.a.call(ctx, asked)
		done <- outcome{answer, time.Now(), err}
	}()
	select {
	case o := <-done: // it has the lock of a living holder, or an error
		if o.err == nil {
			o.err = &helperError{"the lock of a living holder was had by another", 0}
		}
		return 0, o.err
	case <-time.After(killDelay):
	}
	killed := time.Now()
	err := c.b.kill(ctx)
	o := <-done
	if err == nil {
		err = o.err
	}
	if err == nil {
		err = c.rejoin(ctx)
	}
	if err == nil && asked.Op == opLock {
		_, err = c.a.call(ctx, request{Op: opClose, Slot: slotTried})
	}
	if !o.answer.OK {
		return c.CallTime + 1, err
	}
	return max(0, o.at.Sub(killed)), err
}

// killDelay lets the asking begin.
const killDelay = 50 * time.Millisecond

// rejoin brings the helper that replaced a killed one to the scratch directory.
func (c *checker) rejoin(ctx context.Context) error {
	answer, err := c.b.call(ctx, request{Op: opJoin, Name: c.scratch, Limit: c.ViewTime})
	if err == nil && !answer.OK {
		err = &helperError{"a new process does not see the scratch directory", 0}
	}
	return err
}

// shortly is the time until something was seen: looking takes time, too.
func shortly(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1ms"
	}
	return rounded(d).String()
}

// rounded is a duration in three digits or so.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	case d > 100*time.Microsecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}
