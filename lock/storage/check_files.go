package storage

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	replacements = maxCount // at most
	replaceTime  = 700 * time.Millisecond
)

// rename has one process replace a file many times while another reads it.
func (c *checker) rename(ctx context.Context) (Result, error) {
	name := c.newName("replaced")
	// The first ones show that it can be done, before anybody waits for it.
	if _, err := c.a.call(ctx, request{Op: opReplace, Name: name, Version: 2, Count: 2}); err != nil {
		return Result{}, err
	}
	type outcome struct {
		reply
		at  time.Time
		err error
	}
	done := make(chan outcome, 1)
	last := uint64(replacements + 2)
	go func() {
		answer, err := c.b.call(ctx, request{Op: opWatch, Name: name, Version: last, Limit: replaceTime + c.ViewTime})
		done <- outcome{answer, time.Now(), err}
	}()
	wrote, err := c.a.call(ctx, request{Op: opReplace, Name: name, Version: last, Count: replacements, Limit: replaceTime})
	ended := time.Now()
	read := <-done
	if err == nil {
		err = read.err
	}
	if err != nil {
		return Result{}, err
	}
	return c.judgeRename(read.reply, wrote.Count, max(0, read.at.Sub(ended))), nil
}

func (c *checker) judgeRename(read reply, replaced int, delay time.Duration) Result {
	w := read.Watched
	if w == nil {
		w = &watched{}
	}
	var faults []string
	for _, f := range []struct {
		n    int
		what string
	}{{w.Missing, "no file"}, {w.Torn, "a mixture or a part of two versions"}, {w.Back, "an older version after a newer one"}} {
		if f.n > 0 {
			faults = append(faults, fmt.Sprintf("%s (%d times)", f.what, f.n))
		}
	}
	const effect = "the record of who is master could be lost or mistaken"
	switch {
	case faults != nil:
		return Result{Verdict: Unsafe, Reason: fmt.Sprintf("renames are not atomic: in %d reads of a file that was replaced %d times a reader saw %s; %s",
			w.Reads, replaced, strings.Join(faults, ", "), effect), Remedy: "use another file system"}
	case !read.OK:
		return Result{Verdict: Unsafe, Reason: fmt.Sprintf("a reader did not see a file's replacement within %v: a deposed master would not notice its successor", c.ViewTime),
			Remedy: "switch off caching (NFS: actimeo=1)"}
	}
	r := Result{Reason: fmt.Sprintf("%d replacements of a file were whole in %d reads; the last was seen after %v", replaced, w.Reads, shortly(delay))}
	if w.Again > 0 {
		r.Reason += fmt.Sprintf(" (%d reads had to be repeated)", w.Again)
	}
	if delay > lateView {
		r.Verdict, r.Remedy = Warn, "switch off or shorten caching (NFS: actimeo=1): a deposed master notices its successor as late as this"
	}
	return r
}

// lateView is a broker's window: what is seen later is seen after it had to
// be silent.
const lateView = 5 * time.Second

func (c *checker) directorySync(ctx context.Context) (Result, error) {
	began := time.Now()
	_, err := c.all(ctx, c.a, request{Op: opReplace, Name: c.newName("synced"), Version: 1}, request{Op: opSyncDir})
	return Result{Reason: fmt.Sprintf("a file is replaced and its directory synced in %v", rounded(time.Since(began)))}, err
}

// Parts of a file in which blocks appear, in the ways in which a journal's do.
const (
	appendedAt = 0
	seenSize   = 1 << 20
)

// visibility takes the time until another process sees what was written:
// appended to a growing file, written over zeros of a preallocated one, and a
// new file's name in the directory's list.
func (c *checker) visibility(ctx context.Context) (Result, error) {
	// As in rename.
	_, err := c.all(ctx, c.a, request{Op: opOpen, Name: c.newName("first"), Slot: slotHeld}, request{Op: opPut, Version: 1}, request{Op: opClose})
	if err != nil {
		return Result{}, err
	}
	var parts []string
	worst := time.Duration(0)
	for _, way := range []struct {
		what string
		size int64
		held bool // read through a descriptor that was open before
	}{
		{"an append", 0, false},
		{"a write over zeros", seenSize, false},
		{"the same through an open file", seenSize, true},
	} {
		delay, seen, err := c.see(ctx, way.size, way.held)
		if err != nil {
			return Result{}, err
		}
		if !seen {
			return c.unseen(way.what), nil
		}
		worst = max(worst, delay)
		parts = append(parts, fmt.Sprintf("%s in %v", way.what, shortly(delay)))
	}
	delay, seen, err := c.seeName(ctx)
	if err != nil {
		return Result{}, err
	}
	if !seen {
		return c.unseen("a new file in the directory's list"), nil
	}
	parts = append(parts, fmt.Sprintf("a new name in %v", shortly(delay)))
	r := Result{Reason: "another reader sees " + strings.Join(parts, ", ")}
	if max(worst, delay) > slowRelease {
		r.Verdict, r.Remedy = Warn, "shorten caching (NFS: actimeo=1): a slave follows as late as this, and has the rest to read when it takes over"
	}
	return r, nil
}

func (c *checker) unseen(what string) Result {
	return Result{Verdict: Unsafe, Reason: fmt.Sprintf("another reader did not see %s within %v: a new master could miss acknowledged messages", what, c.ViewTime),
		Remedy: "switch off caching (NFS: actimeo=1 and no nocto; CIFS: cache=strict)"}
}

// see writes a block through a that b waits for, having read zeros before.
func (c *checker) see(ctx context.Context, size int64, held bool) (delay time.Duration, seen bool, err error) {
	name := c.newName("seen")
	const offset = appendedAt
	before := []request{{Op: opOpen, Name: name, Slot: slotHeld}}
	if size > 0 {
		before = append(before, request{Op: opFill, Slot: slotHeld, Size: size})
	}
	if _, err = c.all(ctx, c.a, before...); err != nil {
		return 0, false, err
	}
	look := request{Op: opAwait, Name: name, Offset: offset, Version: 1, Limit: c.ViewTime}
	if held {
		look.Name, look.Slot = "", slotTried
		if _, err = c.b.call(ctx, request{Op: opView, Name: name, Slot: slotTried}); err != nil {
			return 0, false, err
		}
	}
	delay, seen, err = c.after(ctx, look, request{Op: opPut, Slot: slotHeld, Offset: offset, Version: 1})
	if err == nil && held {
		_, err = c.b.call(ctx, request{Op: opClose, Slot: slotTried})
	}
	if err == nil {
		_, err = c.a.call(ctx, request{Op: opClose, Slot: slotHeld})
	}
	return delay, seen, err
}

func (c *checker) seeName(ctx context.Context) (time.Duration, bool, error) {
	name := c.newName("name")
	delay, seen, err := c.after(ctx, request{Op: opAwaitName, Name: name, Limit: c.ViewTime}, request{Op: opOpen, Name: name, Slot: slotHeld})
	if err == nil {
		_, err = c.a.call(ctx, request{Op: opClose, Slot: slotHeld})
	}
	return delay, seen, err
}

// after has b look out while a acts, and takes the time from the end of the
// act to b's answer, the network's included.
func (c *checker) after(ctx context.Context, look, act request) (delay time.Duration, seen bool, err error) {
	type outcome struct {
		reply
		at  time.Time
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := c.b.call(ctx, look)
		done <- outcome{answer, time.Now(), err}
	}()
	select {
	case o := <-done: // something failed, or was seen before it was there
		if o.err == nil {
			o.err = &helperError{"was seen before it was written", 0}
		}
		return 0, false, o.err
	case <-time.After(killDelay):
	}
	_, err = c.a.call(ctx, act)
	ended := time.Now()
	o := <-done
	if err == nil {
		err = o.err
	}
	return max(0, o.at.Sub(ended)), o.OK, err
}
