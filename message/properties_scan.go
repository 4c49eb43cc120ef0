package message

import "encoding/binary"

// Scan passes over a primitive map an entry at a time, without allocating. It
// is for who looks into each of many messages.
//
//	s := ScanProperties(b)
//	for s.Next() {
//		use(s.Name(), s.Whole())
//	}
type Scan struct {
	r     primitiveReader
	left  int
	name  []byte
	value []byte // as AppendValue writes it
	odd   bool
}

// ScanProperties begins with the first entry of a primitive map.
func ScanProperties(b []byte) Scan {
	s := Scan{r: primitiveReader{b: b}}
	if len(b) > 0 {
		s.left = s.r.count(minEntry)
	}
	return s
}

// Next moves on to the next entry; false if there is none.
func (s *Scan) Next() bool {
	if s.left <= 0 || s.r.bad != "" {
		return false
	}
	s.left--
	s.name = s.r.take(int(s.r.uint16()))
	from := s.r.pos
	s.r.skip(1)
	if s.r.bad != "" {
		return false
	}
	s.value = s.r.b[from:s.r.pos]
	s.odd = s.odd || !isPlain(s.name) || !s.plain()
	return true
}

// Name is the entry's, in modified UTF-8.
func (s *Scan) Name() []byte { return s.name }

// Whole returns the entry's value if that is an int8, int16, int32 or int64.
func (s *Scan) Whole() (n int64, ok bool) {
	switch data := s.value[1:]; s.value[0] {
	case byteValue:
		return int64(int8(data[0])), true
	case shortValue:
		return int64(int16(binary.BigEndian.Uint16(data))), true
	case intValue:
		return int64(int32(binary.BigEndian.Uint32(data))), true
	case longValue:
		return int64(binary.BigEndian.Uint64(data)), true
	}
	return 0, false
}

// Plain reports, of the entries that have been passed, that [ParseProperties]
// reads them, and that they hold no nested maps or lists and no text beyond
// ASCII. Of others it is not known.
func (s *Scan) Plain() bool { return s.r.bad == "" && !s.odd }

// plain is that for the entry's value.
func (s *Scan) plain() bool {
	switch data := s.value[1:]; s.value[0] {
	case mapValue, listValue:
		return false
	case stringValue:
		return isPlain(data[2:])
	case bigStringValue:
		return int32(binary.BigEndian.Uint32(data)) >= -1 && isPlain(data[4:])
	case bytesValue:
		return int32(binary.BigEndian.Uint32(data)) >= 0
	}
	return true
}
