package openwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func TestMalformed(t *testing.T) {
	loose := Format{Version: MaxVersion}
	tight := Format{Version: MaxVersion, Tight: true}
	cached := Format{Version: MaxVersion, Cache: true, CacheSize: 10}
	header := "\x00\x00\x00\x01\x00"
	tests := []struct {
		name   string
		format Format
		frame  string
		want   error
	}{
		{"empty", loose, "", ErrTruncated},
		{"unknown type", loose, "\x0d" + header, ErrUnknownType},
		{"type beyond the table", loose, "\xff", ErrUnknownType},
		{"type of a later version", Format{Version: 1}, "\x14" + header, ErrUnknownType},
		{"bytes after the command", loose, "\x0a" + header + "x", ErrMalformed},
		{"bytes after null", loose, "\x00x", ErrMalformed},
		{"frame larger than agreed", Format{Version: 1, MaxFrameSize: 5}, "\x0a" + header, ErrTooLarge},
		{"no magic", loose, "\x01ActiveMX\x00\x00\x00\x01\x00", ErrMalformed},
		{"booleans missing", tight, "\x0a", ErrTruncated},
		{"booleans longer than the frame", tight, "\x0a\x3f\x00", ErrTruncated},
		{"negative count of booleans", tight, "\x0a\x80\xff\xff", ErrMalformed},
		{"too few booleans", tight, "\x0a\x00\x00\x00\x00\x01", ErrTruncated},
		{"negative size", loose, "\x12" + header + strings.Repeat("\x00", 8) + "\x01\xff\xff\xff\xff", ErrMalformed},
		{"size of 2^31-1", loose, "\x12" + header + strings.Repeat("\x00", 8) + "\x01\x7f\xff\xff\xff", ErrTruncated},
		{"array larger than the frame", loose, "\x21" + header + "\x00\x00\x00\x00\x01\x7f\xff", ErrMalformed},
		{"negative array", loose, "\x21" + header + "\x00\x00\x00\x00\x01\x80\x00", ErrMalformed},
		{"broken string", loose, "\x0f\x00", ErrTruncated},
		{"string is no modified UTF-8", loose, "\x35\x01\x00\x02\xc3x", ErrMalformed},
		{"negative tight string", tight, "\x35\x01\x03\x80\x00", ErrMalformed},
		{"nested object of an unknown type", loose, "\x20" + header + "\x00\x00\x00\x00\x01\x0d", ErrUnknownType},
		{"destination that is a producer", loose, "\x15" + header + "\x00\x01\x7b\x00" + strings.Repeat("\x00", 16), ErrMalformed},
		{"identifier of no known type", loose, "\x15" + header + "\x01\x16", ErrUnknownType},
		{"cache index negative", cached, "\x15" + header + "\x00\xff\xff", ErrMalformed},
		{"cache index beyond the cache", cached, "\x15" + header + "\x00\x00\x0a", ErrMalformed},
		{"cache entry beyond the cache", cached, "\x15" + header + "\x01\x00\x0a\x00", ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, v, err := NewDecoder(tt.format).Decode([]byte(tt.frame))
			require.ErrorIs(t, err, tt.want)
			require.Nil(t, v)
			var frame *FrameError
			require.ErrorAs(t, err, &frame)
		})
	}
}

// TestPrefixes cuts every frame of the goldens everywhere: each piece is
// refused.
func TestPrefixes(t *testing.T) {
	for _, g := range readGoldens(t, "commands.golden") {
		if g.cached || len(g.frame) > 1000 {
			continue
		}
		f := goldenFormat(g.last, g.tight, false, 0)
		for n := range len(g.frame) - 4 {
			_, _, err := NewDecoder(f).Decode(g.frame[4 : 4+n])
			if !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s cut to %d bytes: %v", g.name, n, err)
			}
		}
	}
}

func TestDeepNesting(t *testing.T) {
	piece := "\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	_, _, err := NewDecoder(Format{Version: 12}).Decode([]byte(strings.Repeat(piece, 10_000)))
	require.ErrorIs(t, err, ErrMalformed)

	var v any
	for range 30 {
		v = &DataResponse{Data: v}
	}
	_, err = NewEncoder(Format{Version: 12}).Append(nil, Header{}, v)
	require.ErrorIs(t, err, ErrMalformed)
}

func TestManyCauses(t *testing.T) {
	piece := "\x01\x00\x00\x00\x00"
	frame := "\x1f" + strings.Repeat("\x00", 9) + strings.Repeat(piece, 10_000) + "\x00"
	_, _, err := NewDecoder(Format{Version: 12, StackTrace: true}).Decode([]byte(frame))
	require.ErrorIs(t, err, ErrMalformed)

	cause := &message.Throwable{Class: "c"}
	for range 200 {
		cause = &message.Throwable{Class: "c", Cause: cause}
	}
	f := Format{Version: 12, Tight: true, StackTrace: true}
	b, err := NewEncoder(f).Append(nil, Header{}, &ExceptionResponse{Exception: cause})
	require.NoError(t, err)
	_, v, err := NewDecoder(f).Decode(b[4:])
	require.NoError(t, err)
	n := 0
	for c := v.(*ExceptionResponse).Exception; c != nil; c = c.Cause {
		n++
	}
	require.Equal(t, maxCauses, n)
}

// TestCacheMemory fills a peer's cache with long names.
func TestCacheMemory(t *testing.T) {
	d := NewDecoder(Format{Version: 12, Cache: true, CacheSize: 1024})
	name := bytes.Repeat([]byte("x"), 60_000)
	var err error
	for i := 0; i < 1024 && err == nil; i++ {
		frame := []byte("\x04\x00\x00\x00\x01\x00\x01")
		frame = binary.BigEndian.AppendUint16(frame, uint16(i))
		frame = append(frame, "\x01\x79\x01"...)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(name)))
		frame = append(frame, name...)
		frame = append(frame, make([]byte, 8)...)
		_, _, err = d.Decode(frame)
	}
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestCannotEncode(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	tests := []struct {
		name   string
		format Format
		value  any
		want   error
	}{
		{"no command", Format{Version: 12}, "text", ErrUnknownType},
		{"command of a later version", Format{Version: 1}, &message.Pull{}, ErrUnknownType},
		{"body of a later version", Format{Version: 2}, &message.Message{Body: message.Blob}, ErrUnknownType},
		{"body unknown", Format{Version: 12}, &message.Message{Body: 99}, ErrUnknownType},
		{"nested, unknown", Format{Version: 12}, &DataResponse{Data: 5}, ErrUnknownType},
		{"removal of no identifier", Format{Version: 12}, &message.RemoveInfo{Object: 5}, ErrUnknownType},
		{"long string", Format{Version: 12}, &message.Message{CorrelationID: long}, ErrTooLarge},
		{"long tight string", Format{Version: 12, Tight: true}, &message.Message{CorrelationID: long[:32767]}, ErrTooLarge},
		{"long array", Format{Version: 12}, &message.Message{BrokerPath: make([]message.BrokerID, 32768)}, ErrTooLarge},
		{"frame larger than agreed", Format{Version: 12, MaxFrameSize: 1000}, &message.Message{Content: make([]byte, 1000)}, ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := NewEncoder(tt.format).Append([]byte("before"), Header{}, tt.value)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, "before", string(b))
		})
	}
}

func TestStoredMalformed(t *testing.T) {
	s := NewStore(StoreVersion)
	b, err := s.AppendAck(nil, &message.Ack{Last: goldenID(1)})
	require.NoError(t, err)
	_, err = s.Message(b)
	require.ErrorIs(t, err, ErrMalformed)
	_, err = s.Ack(append(b, "tail"...))
	require.NoError(t, err)
	for n := range len(b) {
		_, err = s.Ack(b[:n])
		require.ErrorIs(t, err, ErrTruncated, strconv.Itoa(n))
	}
	_, err = s.Ack([]byte("\xff\xff\xff\xff\x16"))
	require.ErrorIs(t, err, ErrTruncated)
}

// TestManyElements nests arrays whose elements take one byte each.
func TestManyElements(t *testing.T) {
	header := strings.Repeat("\x00", 9)
	inner := "\x01\x21" + header + "\x01\x7f\xff" + strings.Repeat("\x00", 0x7FFF)
	decode := func(n int) (any, error) {
		frame := "\x21" + header + "\x01\x00" + string(rune(n)) + strings.Repeat(inner, n)
		_, v, err := NewDecoder(Format{Version: 12}).Decode([]byte(frame))
		return v, err
	}
	_, err := decode(5)
	require.ErrorIs(t, err, ErrTooLarge)
	v, err := decode(3)
	require.NoError(t, err)
	require.Len(t, v.(*DataArrayResponse).Data, 3)
}
