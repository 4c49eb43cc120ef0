package client

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

func TestBodiesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int8().AsAny(), rapid.Int16().AsAny(), rapid.Int32().AsAny(),
			rapid.Int64().AsAny(), rapid.String().AsAny(), rapid.SliceOfN(rapid.Byte(), 1, 20).AsAny())
		values := rapid.SliceOfN(value, 1, 20).Draw(t, "values")
		text := rapid.String().Draw(t, "text")
		var entries message.Properties
		for i, v := range values {
			entries = entries.Set(strings.Repeat("n", i+1), v)
		}
		stream, err := NewStream(values...)
		require.NoError(t, err)
		asMap, err := NewMap(entries)
		require.NoError(t, err)
		list := []*message.Message{NewText(text), NewBytes([]byte(text)), stream, asMap, NewObject([]byte(text)), New()}
		if rapid.Bool().Draw(t, "compressed") {
			for _, m := range list {
				require.NoError(t, Compress(m))
				content := m.Content
				require.NoError(t, Compress(m), "once")
				require.Equal(t, content, m.Content)
			}
		}
		gotText, err := Text(list[0])
		require.NoError(t, err)
		require.Equal(t, strings.ToValidUTF8(text, "\uFFFD"), strings.ToValidUTF8(gotText, "\uFFFD"))
		gotBytes, err := Bytes(list[1])
		require.NoError(t, err)
		require.Equal(t, []byte(text), append([]byte{}, gotBytes...))
		gotStream, err := Stream(list[2])
		require.NoError(t, err)
		require.Equal(t, values, gotStream)
		gotMap, err := Map(list[3])
		require.NoError(t, err)
		require.Equal(t, entries, gotMap)
		gotObject, err := Object(list[4])
		require.NoError(t, err)
		require.Equal(t, []byte(text), append([]byte{}, gotObject...))
		_, err = Text(list[1])
		require.ErrorIs(t, err, ErrBody)
	})
}

func TestMalformedBodies(t *testing.T) {
	for name, m := range map[string]*message.Message{
		"text shorter than said": {Body: message.Text, Content: []byte{0, 0, 0, 9, 'a'}},
		"text of two bytes":      {Body: message.Text, Content: []byte{0, 0}},
		"not deflated":           {Body: message.Text, Compressed: true, Content: []byte("plain")},
		"bytes without length":   {Body: message.Bytes, Compressed: true, Content: []byte{1}},
		"unknown value":          {Body: message.Stream, Content: []byte{99}},
		"more entries than said": {Body: message.Map, Content: []byte{0, 0, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			_, text := Text(m)
			_, bytes := Bytes(m)
			_, stream := Stream(m)
			_, asMap := Map(m)
			for _, err := range []error{text, bytes, stream, asMap} {
				require.ErrorIs(t, err, ErrBody)
			}
		})
	}
	_, err := NewStream([]any{1})
	require.ErrorIs(t, err, ErrBody)
	_, err = NewMap(message.Properties{{Name: "a", Value: struct{}{}}})
	require.ErrorIs(t, err, ErrBody)
	bomb := NewText(strings.Repeat("a", 1000))
	require.NoError(t, Compress(bomb))
	_, err = inflate(bomb.Content, 1003)
	require.ErrorIs(t, err, ErrBody)
}

func TestPropertyConversions(t *testing.T) {
	m := New()
	for name, value := range map[string]any{"byte": int8(1), "short": int16(2), "int": int32(3), "long": int64(4), "float": float32(1.5), "text": "x"} {
		require.NoError(t, SetProperty(m, name, value))
	}
	n, ok, err := Property[int64](m, "byte")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, int64(1), n)
	wide, _, err := Property[int32](m, "short")
	require.NoError(t, err)
	require.Equal(t, int32(2), wide)
	f, _, err := Property[float64](m, "float")
	require.NoError(t, err)
	require.InDelta(t, 1.5, f, 0)
	_, ok, err = Property[int16](m, "int")
	require.True(t, ok)
	require.ErrorIs(t, err, ErrBody, "narrower")
	_, _, err = Property[bool](m, "text")
	require.ErrorIs(t, err, ErrBody)
	_, ok, err = Property[string](m, "missing")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestDestinationOptions(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker?jms.exclusiveConsumer=true&jms.dispatchAsync=false&jms.prefetchPolicy.maximumPendingMessageLimit=7", Options{}, p)
	s := session(t, conn, AutoAcknowledge)
	_, err := s.Consumer(t.Context(), message.NewTopic("T?consumer.prefetchSize=5&consumer.priority=9&consumer.retroactive=true"+
		"&consumer.exclusive=false&consumer.noLocal=true&consumer.dispatchAsync=true&consumer.selector=a%3D1"), ConsumerOptions{Selector: "b"})
	require.NoError(t, err)
	info, _ := next[*message.ConsumerInfo](t, p)
	require.Equal(t, message.ConsumerInfo{ID: info.ID, Destination: message.NewTopic("T"), PrefetchSize: 5, Priority: 9, Retroactive: true,
		NoLocal: true, DispatchAsync: true, Selector: "a=1", MaximumPendingMessageLimit: 7, ClientID: conn.ClientID()}, *info)
	for name, text := range map[string]string{
		"T?consumer.prefetchsize=5": `did you mean "consumer.prefetchSize"?`,
		"T?producer.windowSize=5":   "producer.windowSize",
		"T?x=1":                     "option x",
		"T?consumer.priority=200":   "127",
		"T?consumer.exclusive":      "no value",
	} {
		_, err := s.Consumer(t.Context(), message.NewTopic(name), ConsumerOptions{})
		require.ErrorContains(t, err, text, name)
	}
	foreign := message.Destination{Kind: message.TempQueue, Name: "ID:other-1-1-1:1:1"}
	_, err = s.Consumer(t.Context(), foreign, ConsumerOptions{})
	require.ErrorIs(t, err, ErrForeignTemporary)
	_, err = s.Consumer(t.Context(), foreign, ConsumerOptions{Describe: func(i *message.ConsumerInfo) { i.NetworkSubscription = true }})
	require.NoError(t, err, "a bridge does")
	out, err := s.Producer(t.Context(), message.NewQueue("Q?producer.windowSize=77"), ProducerOptions{})
	require.NoError(t, err)
	pi, _ := next[*message.ProducerInfo](t, p)
	require.Equal(t, int32(77), pi.WindowSize)
	require.Equal(t, message.NewQueue("Q"), pi.Destination)
	require.NoError(t, out.Close(t.Context()))
}

func TestCompressionLeavesTheSendersMessage(t *testing.T) {
	p := newPeer(nil)
	conn, _ := dialed(t, "tcp://broker?jms.useCompression=true&jms.disableTimeStampsByDefault=true", Options{}, p)
	out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{})
	m := NewText(strings.Repeat("a", 1000))
	for range 2 {
		require.NoError(t, out.Send(t.Context(), m))
		require.False(t, m.Compressed)
		require.Zero(t, m.Timestamp)
		got, _ := next[*message.Message](t, p)
		require.True(t, got.Compressed)
		require.Less(t, len(got.Content), 100)
		require.Equal(t, m.ID, got.ID)
		text, err := Text(got)
		require.NoError(t, err)
		require.Len(t, text, 1000)
	}
}
