package journal

// table finds entries by message identity: open addressing with linear
// probing over handles, whose keys are in the slab.
type table struct {
	slots []handle // length a power of two, or none
	n     int
}

const minTable = 8

func hashID(producer uint32, sequence int64) uint64 {
	h := uint64(sequence)*0x9e3779b97f4a7c15 ^ uint64(producer)*0xc2b2ae3d27d4eb4f
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

func (t *table) find(s *slab, producer uint32, sequence int64) handle {
	if t.n == 0 {
		return 0
	}
	mask := uint64(len(t.slots) - 1)
	for i := hashID(producer, sequence) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if e := s.get(t.slots[i]); e.sequence == sequence && e.producer == producer {
			return t.slots[i]
		}
	}
	return 0
}

// insert adds an entry whose identity is not there.
func (t *table) insert(s *slab, h handle) {
	if (t.n+1)*8 > len(t.slots)*7 {
		t.resize(s, max(minTable, 2*len(t.slots)))
	}
	t.place(s, h)
	t.n++
}

func (t *table) place(s *slab, h handle) {
	e := s.get(h)
	mask := uint64(len(t.slots) - 1)
	i := hashID(e.producer, e.sequence) & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = h
}

func (t *table) resize(s *slab, size int) {
	old := t.slots
	t.slots = make([]handle, size)
	for _, h := range old {
		if h != 0 {
			t.place(s, h)
		}
	}
}

// remove takes out an entry that is there and still in the slab.
func (t *table) remove(s *slab, h handle) {
	e := s.get(h)
	mask := uint64(len(t.slots) - 1)
	i := hashID(e.producer, e.sequence) & mask
	for t.slots[i] != h {
		if t.slots[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	// Close the gap: move back what could not be found across it.
	for j := (i + 1) & mask; t.slots[j] != 0; j = (j + 1) & mask {
		m := s.get(t.slots[j])
		home := hashID(m.producer, m.sequence) & mask
		if (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = 0
	t.n--
	if len(t.slots) > minTable && t.n*8 < len(t.slots) {
		t.resize(s, len(t.slots)/2)
	}
}
