package config

import "time"

// MemoryEntry are the attributes of a <policyEntry> about memory and space.
type MemoryEntry struct {
	// CursorMemoryHighWaterMark is the percentage of memory from which what
	// waits is not held in it. From 100 on, the limit comes first: producers
	// wait there.
	CursorMemoryHighWaterMark int `config:"cursorMemoryHighWaterMark"`
	// StoreUsageHighWaterMark is the percentage of storeUsage from which
	// producers of persistent messages wait.
	StoreUsageHighWaterMark int `config:"storeUsageHighWaterMark"`
	// MinimumMessageSize is what a message counts for beside its body and
	// properties, bytes.
	MinimumMessageSize int64 `config:"minimumMessageSize,bytes"`
	// SendFailIfNoSpace and SendFailIfNoSpaceAfterTimeout override those of
	// systemUsage: "" and -1 ms do not.
	SendFailIfNoSpace             string        `config:"sendFailIfNoSpace,enum=true|false"`
	SendFailIfNoSpaceAfterTimeout time.Duration `config:"sendFailIfNoSpaceAfterTimeout"`

	PendingQueuePolicy             PendingQueuePolicy             `config:"pendingQueuePolicy"`
	PendingSubscriberPolicy        PendingSubscriberPolicy        `config:"pendingSubscriberPolicy"`
	PendingDurableSubscriberPolicy PendingDurableSubscriberPolicy `config:"pendingDurableSubscriberPolicy"`
}

// unsetTimeout is a SendFailIfNoSpaceAfterTimeout that was not given.
const unsetTimeout = -time.Millisecond

// maxMemoryMark is the highest mark: ActiveMQ takes any number, and more than
// 100 says that the mark is not to be reached.
const maxMemoryMark = 1000

func (e *MemoryEntry) setDefaults() {
	e.CursorMemoryHighWaterMark = 70
	e.StoreUsageHighWaterMark = 100
	e.MinimumMessageSize = 1024
	e.SendFailIfNoSpaceAfterTimeout = unsetTimeout
}

func (MemoryEntry) others() others {
	return others{
		"reduceMemoryFootprint": tuned("false", "a message is in memory once, as it came"),
	}
}

func (e *MemoryEntry) check(b *binder, path string) {
	b.within(path+".cursorMemoryHighWaterMark", int64(e.CursorMemoryHighWaterMark), 0, maxMemoryMark)
	b.within(path+".storeUsageHighWaterMark", int64(e.StoreUsageHighWaterMark), 0, 100)
	b.within(path+".minimumMessageSize", e.MinimumMessageSize, 0, 1<<30)
	if e.SendFailIfNoSpaceAfterTimeout != unsetTimeout {
		b.notNegative(path+".sendFailIfNoSpaceAfterTimeout", e.SendFailIfNoSpaceAfterTimeout)
	}
	q, s, d := &e.PendingQueuePolicy, &e.PendingSubscriberPolicy, &e.PendingDurableSubscriberPolicy
	b.onlyOne(path+".pendingQueuePolicy", q.Store, q.File, q.VM)
	b.onlyOne(path+".pendingSubscriberPolicy", s.File, s.VM)
	b.onlyOne(path+".pendingDurableSubscriberPolicy", d.Store, d.File, d.VM)
}

func (b *binder) onlyOne(path string, cursors ...*Cursor) {
	n := 0
	for _, c := range cursors {
		if c != nil {
			n++
		}
	}
	if n > 1 {
		b.bad(path, "has more than one cursor")
	}
}

// PendingQueuePolicy is the <pendingQueuePolicy> element: where a queue's
// messages wait. At most one is set; none is storeCursor. storeCursor and
// fileQueueCursor are the same here: persistent messages wait in the journal,
// others in memory and then in the temporary store.
type PendingQueuePolicy struct {
	Store *Cursor `config:"storeCursor"`
	File  *Cursor `config:"fileQueueCursor"`
	VM    *Cursor `config:"vmQueueCursor"` // all in memory
}

func (PendingQueuePolicy) others() others { return nil }

// PendingSubscriberPolicy is the <pendingSubscriberPolicy> element: where
// messages wait for a topic's subscriber that is not durable. None is
// fileCursor: in memory and then in the temporary store.
type PendingSubscriberPolicy struct {
	File *Cursor `config:"fileCursor"`
	VM   *Cursor `config:"vmCursor"` // all in memory
}

func (PendingSubscriberPolicy) others() others { return nil }

// PendingDurableSubscriberPolicy is the <pendingDurableSubscriberPolicy>
// element: where messages that are not persistent wait for a durable
// subscriber. None is storeDurableSubscriberCursor, which here is the same as
// fileDurableSubscriberCursor.
type PendingDurableSubscriberPolicy struct {
	Store *Cursor `config:"storeDurableSubscriberCursor"`
	File  *Cursor `config:"fileDurableSubscriberCursor"`
	VM    *Cursor `config:"vmDurableCursor"` // all in memory
}

func (PendingDurableSubscriberPolicy) others() others { return nil }

// Cursor is one of the elements within these.
type Cursor struct{}

func (Cursor) others() others {
	return others{
		"immediatePriorityDispatch": tuned("true", reasonPageQueue),
		"useCache":                  tuned("true", reasonPageQueue),
	}
}
