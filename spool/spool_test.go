package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

func numbered(n, size int) *message.Message {
	m := &message.Message{
		ID:          message.MessageID{Producer: message.ProducerID{Connection: "ID:a-1", Session: 1, Value: 2}, ProducerSequence: int64(n), BrokerSequence: 7},
		Destination: message.NewQueue("Q"), Priority: 4, Content: make([]byte, size), CorrelationID: fmt.Sprint(n),
	}
	for i := range m.Content {
		m.Content[i] = byte(n + i)
	}
	return m
}

// same is require.Equal, fast where they are.
func same(t require.TestingT, want, got *message.Message) {
	if !bytes.Equal(want.Content, got.Content) || want.ID != got.ID || want.CorrelationID != got.CorrelationID {
		require.Equal(t, want, got)
	}
}

func fill(t require.TestingT, l *List, from, n, size int) {
	for i := from; i < from+n; i++ {
		require.NoError(t, l.Append(numbered(i, size), uint64(i*10), uint64(i)))
	}
}

// drain reads and releases all, and returns the numbers in order.
func drain(t require.TestingT, l *List) (list []int) {
	var last int64
	require.NoError(t, l.Read(0, func(m *message.Message, seq, sub uint64, next int64) bool {
		n := int(m.ID.ProducerSequence)
		same(t, numbered(n, len(m.Content)), m)
		require.True(t, seq == uint64(n*10) && sub == uint64(n))
		list, last = append(list, n), next
		return true
	}))
	l.Release(last)
	return list
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func TestMessagesComeBackInOrder(t *testing.T) {
	for _, size := range []int{0, 1, 1000, blockSize - 200, blockSize, 5 * blockSize} {
		s := New(Options{Directory: t.TempDir()})
		l := s.NewList()
		fill(t, l, 0, 100, size)
		require.Equal(t, upTo(100), drain(t, l), size)
		require.Zero(t, s.Used())
		require.NoError(t, s.Close())
	}
}

func TestNothingIsLeftInTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "tmp_storage")
	s := New(Options{Directory: dir})
	l := s.NewList()
	require.NoDirExists(t, dir, "made when it is needed")
	fill(t, l, 0, 200, 1000)
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	require.NotZero(t, s.Used())
	require.NoError(t, s.Close())
}

func TestSpaceComesBack(t *testing.T) {
	s := New(Options{Directory: t.TempDir()})
	defer s.Close()
	keeper := s.NewList() // so that the file is never empty
	fill(t, keeper, 0, 100, 1000)
	for range 5 {
		l := s.NewList()
		fill(t, l, 0, 30_000, 1000)
		drain(t, l)
	}
	info, err := s.file.f.Stat()
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(40<<20), "blocks are used again")
	require.Less(t, allocated(t, s), int64(maxWarm+4)*blockSize, "and punched out")
	keeper.Close()
	require.Zero(t, allocated(t, s))
}

func TestLimit(t *testing.T) {
	s := New(Options{Directory: t.TempDir()})
	defer s.Close()
	s.SetLimit(4 * blockSize)
	l := s.NewList()
	n := 0
	for ; !s.Full(); n++ {
		fill(t, l, n, 1, 1000)
	}
	require.InDelta(t, 4*blockSize/1100, n, 100)
	require.Equal(t, upTo(n), drain(t, l))
	require.False(t, s.Full())
}

func TestWhatCannotBeWrittenStays(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "d")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600)) // where the directory should be
	s := New(Options{Directory: blocked})
	defer s.Close()
	l := s.NewList()
	fill(t, l, 0, 200, 1000)
	require.True(t, s.Full())
	require.NoError(t, os.Remove(blocked))
	fill(t, l, 200, 1, 1000)
	require.False(t, s.Full())
	require.Equal(t, upTo(201), drain(t, l))
}

func TestManySmallLists(t *testing.T) {
	s := New(Options{Directory: t.TempDir()})
	defer s.Close()
	lists := make([]*List, 2*maxBuffers)
	for i := range lists {
		lists[i] = s.NewList()
		fill(t, lists[i], 0, 3, 100)
	}
	require.EqualValues(t, maxBuffers*blockSize, s.Used(), "the first have written nothing yet")
	for _, l := range lists {
		require.Equal(t, upTo(3), drain(t, l))
	}
	require.Zero(t, s.buffers.Load())
	require.Zero(t, s.Used())
}

// A list behaves as a slice does.
func TestListModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := New(Options{Directory: dir})
		defer s.Close()
		lists := [3]*List{s.NewList(), s.NewList(), s.NewList()}
		var model [3][]int
		sequence := 0
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				i, n := rapid.IntRange(0, 2).Draw(t, "list"), rapid.IntRange(1, 12).Draw(t, "n")
				for range n {
					size := rapid.SampledFrom([]int{0, 10, 3000, blockSize / 2}).Draw(t, "size")
					fill(t, lists[i], sequence, 1, size)
					model[i] = append(model[i], sequence)
					sequence++
				}
			},
			"read": func(t *rapid.T) {
				i, n := rapid.IntRange(0, 2).Draw(t, "list"), rapid.IntRange(0, 20).Draw(t, "n")
				var got []int
				var last int64
				require.NoError(t, lists[i].Read(0, func(m *message.Message, _, _ uint64, next int64) bool {
					if len(got) == n {
						return false
					}
					got, last = append(got, int(m.ID.ProducerSequence)), next
					return true
				}))
				n = min(n, len(model[i]))
				require.Equal(t, append([]int(nil), model[i][:n]...), got)
				if rapid.Bool().Draw(t, "release") {
					lists[i].Release(last)
					model[i] = model[i][n:]
				}
			},
			"": func(t *rapid.T) {
				for i, l := range lists {
					require.Equal(t, len(model[i]) == 0, l.End() == l.head)
				}
			},
		})
		for _, l := range lists {
			l.Close()
		}
		require.Zero(t, s.Used())
		require.Zero(t, s.buffers.Load())
	})
}

// Who looks on while blocks are released and used again sees whole messages
// in order, or none.
func TestReaderBesideRelease(t *testing.T) {
	s := New(Options{Directory: t.TempDir()})
	defer s.Close()
	l, other := s.NewList(), s.NewList()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 60 {
			fill(t, l, i*10, 10, r.IntN(30_000))
			var last int64
			n := 0
			_ = l.Read(0, func(_ *message.Message, _, _ uint64, next int64) bool { last = next; n++; return n < 12 })
			l.Release(last)
			fill(t, other, i, 1, 40_000)
			if i%20 == 0 {
				other.Release(other.End())
			}
		}
	}()
	for {
		last := -1
		require.NoError(t, l.Read(0, func(m *message.Message, _, _ uint64, _ int64) bool {
			n := int(m.ID.ProducerSequence)
			require.Greater(t, n, last)
			same(t, numbered(n, len(m.Content)), m)
			last = n
			return true
		}))
		select {
		case <-done:
			return
		default:
		}
	}
}
