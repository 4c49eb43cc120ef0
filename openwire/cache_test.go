package openwire

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// pair is an encoder and the decoder that reads what it writes.
type pair struct {
	enc *Encoder
	dec *Decoder
}

func newPair(f Format) pair { return pair{NewEncoder(f), NewDecoder(f)} }

func (p pair) check(t require.TestingT, v any) {
	b, err := p.enc.Append(nil, goldenHeader, v)
	require.NoError(t, err)
	h, got, err := p.dec.Decode(b[4:])
	require.NoError(t, err)
	require.Equal(t, goldenHeader, h)
	require.Empty(t, cmp.Diff(v, got))
}

// manyConsumers is one frame that wants more of the cache than the 100 entries
// that are free.
func manyConsumers(n int) *BrokerSubscriptionInfo {
	b := &BrokerSubscriptionInfo{Name: "many"}
	for i := range n {
		id := goldenConsumer
		id.Value = int64(i)
		b.Subscriptions = append(b.Subscriptions, &message.ConsumerInfo{ID: id, Destination: message.NewTopic(fmt.Sprint("T", i))})
	}
	return b
}

func TestCacheOverflow(t *testing.T) {
	for _, tight := range []bool{false, true} {
		for _, size := range []int{1, 2, 50, 99, 100, 101, 150, 1024} {
			t.Run(fmt.Sprintf("tight=%v/%d", tight, size), func(t *testing.T) {
				p := newPair(Format{Version: 12, Tight: tight, Cache: true, CacheSize: size})
				for range 5 {
					p.check(t, manyConsumers(300))
					p.check(t, fullMessage(message.Text, goldenXA))
					p.check(t, fullMessage(message.Text, goldenLocal))
				}
			})
		}
	}
}

// TestFailedFrame encodes values that fail half way: the peer, who never sees
// them, still understands what follows.
func TestFailedFrame(t *testing.T) {
	for _, tight := range []bool{false, true} {
		p := newPair(Format{Version: 12, Tight: tight, Cache: true, CacheSize: 120})
		for i := range 300 {
			bad := fullMessage(message.Text, goldenXA)
			bad.Producer.Value = int64(1000 + i)
			bad.Destination = message.NewQueue(fmt.Sprint("BAD", i))
			bad.CorrelationID = strings.Repeat("x", 70_000)
			_, err := p.enc.Append(nil, Header{}, bad)
			require.ErrorIs(t, err, ErrTooLarge)
			good := fullMessage(message.Text, goldenLocal)
			good.Producer.Value = int64(i)
			p.check(t, good)
		}
	}
}

// TestCacheProperty sends a random sequence of identifiers through a small
// cache.
func TestCacheProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(Format{
			Version: rapid.IntRange(1, 12).Draw(t, "version"), Tight: rapid.Bool().Draw(t, "tight"),
			Cache: true, CacheSize: rapid.IntRange(1, 130).Draw(t, "size"),
		})
		for range rapid.IntRange(1, 200).Draw(t, "frames") {
			id := rapid.Int64Range(0, 60).Draw(t, "id")
			switch rapid.IntRange(0, 3).Draw(t, "command") {
			case 0:
				p.check(t, &TransactionInfo{Connection: goldenConnection, Transaction: message.TransactionID{Connection: "c", Value: id}})
			case 1:
				p.check(t, &message.Ack{Destination: message.NewQueue(fmt.Sprint(id)), Consumer: message.ConsumerID{Connection: "c", Value: id}})
			case 2:
				p.check(t, &message.ProducerInfo{ID: message.ProducerID{Connection: "c", Value: id}, Destination: message.NewTopic(fmt.Sprint(id))})
			case 3:
				p.check(t, &message.RemoveInfo{Object: message.SessionID{Connection: "c", Value: id}})
			}
		}
	})
}

// TestSharedMessage encodes one message for many consumers at a time, which
// the race detector watches.
func TestSharedMessage(t *testing.T) {
	m := fullMessage(message.Text, goldenLocal)
	m.DataStructure = fullConsumer()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			p := newPair(Format{Version: 12, Tight: i%2 == 0, Cache: i%3 == 0})
			for range 50 {
				p.check(t, &message.Delivery{Consumer: goldenConsumer, Destination: goldenQueue, Message: m})
			}
		})
	}
	all.Wait()
}

func TestAliasing(t *testing.T) {
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			b, err := NewEncoder(f).Append(nil, Header{}, kilobyte())
			require.NoError(t, err)
			_, v, err := NewDecoder(f).Decode(b[4:])
			require.NoError(t, err)
			m := v.(*message.Message)
			require.Equal(t, len(m.Content), cap(m.Content), "appending must not write into the frame")
			clear(b)
			require.Equal(t, "ORDERS.EUROPE", m.Destination.Name)
		})
	}
}

func TestNoAllocation(t *testing.T) {
	for name, f := range formats() {
		e, buf, m := NewEncoder(f), make([]byte, 0, 4096), kilobyte()
		d := &message.Delivery{Consumer: goldenConsumer, Destination: m.Destination, Message: m}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			buf, _ = e.Append(buf[:0], Header{CommandID: 7}, d)
		}), name)
	}
}
