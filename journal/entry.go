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
	// priority is 0 to 9. redeliveries is what was recorded of a message that
	// was given back; index.counted says where. Both lie where the entry would
	// be padded.
	priority     uint8
	redeliveries uint16
}

// slab allocates entries in pages. Handles of freed entries are used again.
type slab struct {
	pages  pages[entry]
	free   handle // linked through entry.seq
	next   handle // the first that was never used
	live   int
	frozen bool // a view has the pages, and the blocks of every order
}

// get returns an entry for reading, edit for writing.
func (s *slab) get(h handle) *entry  { return s.pages.at(uint32(h)) }
func (s *slab) edit(h handle) *entry { return s.pages.edit(uint32(h)) }

// has reports whether a handle has ever been used.
func (s *slab) has(h handle) bool { return h != 0 && h < s.next }

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
		s.pages.reach(uint32(h))
	}
	*s.edit(h) = e
	return h
}

func (s *slab) drop(h handle) {
	*s.edit(h) = entry{seq: uint64(s.free)}
	s.free = h
	s.live--
	if s.live == 0 {
		*s = slab{frozen: s.frozen}
	}
}
