package openwire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// A queue of too many bytes holds consumers back until the writer has written
// half of them.
func TestOutboundCongestion(t *testing.T) {
	o := newOutbound()
	resumed := 0
	resume := func() { resumed++ }
	large := &entry{kind: aDelivery, delivery: message.Delivery{Message: &message.Message{Content: make([]byte, mostBytes/4)}}}
	for range 3 {
		o.push(large)
		require.False(t, o.congested(resume))
	}
	o.push(large)
	require.True(t, o.congested(resume))
	batch, ok := o.take(nil, 0, false)
	require.True(t, ok)
	require.Len(t, batch, 4)
	require.Zero(t, resumed, "nothing is written yet")
	require.True(t, o.congested(resume))
	size := large.delivery.Message.Size()
	o.written(size)
	require.Zero(t, resumed, "not half of them")
	o.push(large)
	o.written(size)
	o.written(size)
	require.Equal(t, 0, resumed, "what came meanwhile counts")
	o.written(size)
	require.Equal(t, 2, resumed, "each that was held back")
	require.False(t, o.congested(resume))
	batch, ok = o.take(batch, 0, false)
	require.True(t, ok)
	require.Len(t, batch, 1)
	o.written(size)
	o.finish()
	_, ok = o.take(batch, 0, false)
	require.False(t, ok)
	require.Zero(t, o.bytes.Load())
	require.Equal(t, 2, resumed)
}

// A session is corked between two looks of its writer at the queue: what that
// has encoded by then is written before it waits, or whoever gathers the answers
// would wait for one that nobody writes.
func TestCorkedWhileTheWriterEncodes(t *testing.T) {
	o := newOutbound()
	require.True(t, o.owe())
	o.push(&entry{kind: aResponse, correlation: 1, answers: true})
	batch, ok := o.take(nil, 0, false)
	require.True(t, ok)
	require.Len(t, batch, 1)
	o.push(&entry{kind: aResponse, correlation: 2})
	require.True(t, o.more())
	o.cork()
	batch, ok = o.take(batch, 0, true)
	require.True(t, ok)
	require.Empty(t, batch)
	require.False(t, o.more(), "so it is written now")
	ended := make(chan bool)
	go func() {
		_, ok := o.take(batch, 1, false)
		ended <- ok
	}()
	began := time.Now()
	o.gather(time.Minute)
	require.Less(t, time.Since(began), time.Minute)
	o.finish()
	require.True(t, <-ended)
}
