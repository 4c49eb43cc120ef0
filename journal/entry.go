package journal

// handle names an entry in the slab; 0 is none.
type handle uint32

// location is where a record lies: its file, the offset of its head, and its
// size with the head.
type location struct {
	file   uint32
	offset uint32
	size   uint32
}

// entry is what the index keeps of a message: 40 bytes without pointers, so
// that millions of them cost the garbage collector nothing.
type entry struct {
	seq      uint64
	sequence int64  // of the producer
	producer uint32 // in producers
	location
	// holders is how many subscriptions have not acknowledged it, of a topic.
	holders uint32
}

const (
	slabShift = 13
	slabSize  = 1 << slabShift
)

// slab allocates entries in chunks. Handles of freed entries are used again.
type slab struct {
	chunks [][]entry
	free   handle // linked through entry.seq
	next   handle // the first that was never used
	live   int
}

func (s *slab) get(h handle) *entry { return &s.chunks[h>>slabShift][h&(slabSize-1)] }

func (s *slab) put(e entry) handle {
	s.live++
	h := s.free
	if h != 0 {
		s.free = handle(s.get(h).seq)
	} else {
		if s.next == 0 {
			s.next = 1
		}
		h = s.next
		s.next++
		if int(h>>slabShift) == len(s.chunks) {
			s.chunks = append(s.chunks, make([]entry, slabSize))
		}
	}
	*s.get(h) = e
	return h
}

func (s *slab) drop(h handle) {
	*s.get(h) = entry{seq: uint64(s.free)}
	s.free = h
	s.live--
	if s.live == 0 {
		*s = slab{}
	}
}
