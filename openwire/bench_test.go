package openwire

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// kilobyte is a persistent text message as a JMS client sends it.
func kilobyte() *message.Message {
	producer := message.ProducerID{Connection: "ID:host-40123-1700000000000-1:1", Session: 1, Value: 1}
	m := &message.Message{
		Body: message.Text, Persistent: true, Priority: 4, Producer: producer,
		ID:          message.MessageID{Producer: producer, ProducerSequence: 123456},
		Destination: message.NewQueue("ORDERS.EUROPE"),
		Timestamp:   1700000000000, Arrival: 1700000000001, BrokerInTime: 1700000000001,
		Content: make([]byte, 1024),
	}
	m.Properties, _ = message.AppendProperties(nil, message.Properties{{Name: "n", Value: int32(7)}})
	return m
}

func formats() map[string]Format {
	fs := make(map[string]Format)
	for _, tight := range []bool{false, true} {
		for _, cache := range []bool{false, true} {
			name := fmt.Sprintf("tight=%v,cache=%v", tight, cache)
			fs[name] = Format{Version: MaxVersion, Tight: tight, Cache: cache, CacheSize: DefaultCacheSize}
		}
	}
	return fs
}

func BenchmarkEncodeMessage(b *testing.B) {
	for name, f := range formats() {
		b.Run(name, func(b *testing.B) {
			e, buf, m := NewEncoder(f), make([]byte, 0, 4096), kilobyte()
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = e.Append(buf[:0], Header{CommandID: 7}, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeMessage(b *testing.B) {
	for name, f := range formats() {
		b.Run(name, func(b *testing.B) {
			e, d := NewEncoder(f), NewDecoder(f)
			first, err := e.Append(nil, Header{}, kilobyte())
			require.NoError(b, err)
			_, _, err = d.Decode(first[4:])
			require.NoError(b, err)
			frame, err := e.Append(nil, Header{}, kilobyte())
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.Decode(frame[4:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDeliver(b *testing.B) {
	f := Format{Version: MaxVersion, Tight: true, Cache: true}
	e, buf, m := NewEncoder(f), make([]byte, 0, 4096), kilobyte()
	d := &message.Delivery{Consumer: message.ConsumerID(m.Producer), Destination: m.Destination, Message: m}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = e.Append(buf[:0], Header{CommandID: 7}, d); err != nil {
			b.Fatal(err)
		}
	}
}
