package openwire

// Each direction of a connection may have a cache of identifiers and
// destinations: the first time, an object is written with the index under
// which the reader is to keep it, later the index alone. The writer decides:
// indices go round a ring, and before each frame the oldest entries make room
// for 100 new ones. Null takes an entry like any other object. (ActiveMQ:
// OpenWireFormat.marshallCache, unmarshallCache)

const (
	cacheRoom           = 100     // entries free before each frame
	maxCachedBytes      = 8 << 20 // a reader keeps no more than this
	evicted        byte = 0xFF    // kind of a free slot; no data type
)

// writeCache gives indices to what was written.
type writeCache struct {
	limit  int
	index  map[ref]int16
	ring   []ref // by index, grown as needed
	next   int   // next index to give
	oldest int   // next index to evict
	fresh  int   // entries added by the current frame
	// recent holds, by kind, the index that was used last: a stream of
	// messages finds most of its objects there.
	recent [256]int16
}

func newWriteCache(limit int) *writeCache {
	return &writeCache{limit: limit, index: make(map[ref]int16)}
}

// begin makes room for a frame.
func (c *writeCache) begin() {
	c.fresh = 0
	for len(c.index) > max(0, c.limit-cacheRoom) {
		delete(c.index, c.ring[c.oldest])
		c.ring[c.oldest] = ref{kind: evicted}
		c.oldest = (c.oldest + 1) % c.limit
	}
}

func (c *writeCache) find(r *ref) (int16, bool) {
	i := c.recent[r.kind]
	if int(i) < len(c.ring) && c.ring[i] == *r {
		return i, true
	}
	i, ok := c.index[*r]
	if ok {
		c.recent[r.kind] = i
	}
	return i, ok
}

// add gives r an index, or -1 where the cache is full.
func (c *writeCache) add(r *ref) int16 {
	if len(c.index) >= c.limit {
		return -1
	}
	i := int16(c.next)
	if c.next == len(c.ring) {
		c.ring = append(c.ring, *r)
	} else {
		c.ring[c.next] = *r
	}
	c.index[*r] = i
	c.recent[r.kind] = i
	c.next = (c.next + 1) % c.limit
	c.fresh++
	return i
}

// rollback forgets what the current frame added, because it is not sent.
func (c *writeCache) rollback() {
	for ; c.fresh > 0; c.fresh-- {
		c.next = (c.next + c.limit - 1) % c.limit
		delete(c.index, c.ring[c.next])
		c.ring[c.next] = ref{kind: evicted}
	}
}

// readCache keeps what the peer said to keep.
type readCache struct {
	limit int
	slots []ref // grown as needed; beyond is null
	bytes int   // of strings in slots
}

func newReadCache(limit int) *readCache { return &readCache{limit: limit} }

func (c *readCache) set(i int, r ref) error {
	if i == -1 { // the peer's cache is full
		return nil
	}
	if i < 0 || i >= c.limit {
		return ErrMalformed
	}
	for len(c.slots) <= i {
		c.slots = append(c.slots, ref{})
	}
	c.bytes += len(r.s) + len(r.t) - len(c.slots[i].s) - len(c.slots[i].t)
	c.slots[i] = r
	if c.bytes > maxCachedBytes {
		return ErrTooLarge
	}
	return nil
}

func (c *readCache) get(i int) (ref, bool) {
	if i < 0 || i >= c.limit {
		return ref{}, false
	}
	if i >= len(c.slots) {
		return ref{}, true
	}
	return c.slots[i], true
}
