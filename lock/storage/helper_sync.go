package storage

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// syncCost appends blocks and syncs each. Size bytes are filled with zeros
// first, over which it then writes.
func (h *helper) syncCost(r *request, out *reply) error {
	if r.Size > 0 {
		if err := h.fill(r, out); err != nil {
			return err
		}
	}
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	began, took := time.Now(), make([]time.Duration, 0, r.Count)
	for i := range r.Count {
		if i > 0 && time.Since(began) > r.Limit {
			break
		}
		start := time.Now()
		if err := h.write(f, block(uint64(i+1), blockSize), int64(i)*blockSize); err != nil {
			return err
		}
		if err := h.sync(f); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	out.Times = summarize(took)
	return nil
}

// summarize sorts took.
func summarize(took []time.Duration) *times {
	if len(took) == 0 {
		return &times{}
	}
	slices.Sort(took)
	return &times{Count: len(took), Median: took[len(took)/2], P99: took[len(took)*99/100]}
}

// bulkSync writes much and takes the time of the one sync after it, the best of
// some tries: on a busy machine a sync that does nothing may take long, too.
func (h *helper) bulkSync(r *request, out *reply) error {
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	const chunk = 1 << 20
	b := block(1, chunk)
	for try := range doubtTries {
		for at := int64(0); at < r.Size; at += chunk {
			if err := h.write(f, b, at); err != nil {
				return err
			}
		}
		start := time.Now()
		if err := h.sync(f); err != nil {
			return err
		}
		if took := time.Since(start); try == 0 || took < out.Took {
			out.Took = took
		}
		if try+1 >= bulkTries && out.Took > 10*bulkTooFast {
			break
		}
	}
	return nil
}

// A busy machine makes a sync that does nothing look like work. What comes near
// to what no medium can do is tried more often.
const (
	bulkTries  = 3
	doubtTries = 30
)

func (h *helper) allocate(r *request, out *reply) error {
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	err = h.call("fallocate", f.Name(), func() error { return unix.Fallocate(int(f.Fd()), 0, 0, r.Size) })
	out.OK = err == nil
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
