package openwire

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// TestVolleyGathers: what is delivered while acknowledgements are handled that
// came together is written when the last one is, or one comes that wants an
// answer.
func TestVolleyGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newOutbound()
		taken := make(chan int, 1)
		go func() {
			var batch []entry
			for {
				var ok bool
				if batch, ok = out.take(batch, 0, false); !ok {
					return
				}
				taken <- len(batch)
			}
		}()
		synctest.Wait() // the writer is idle
		var v volley
		for range 3 {
			v.begin(out, true)
			out.push(&entry{kind: aDelivery, delivery: message.Delivery{}})
			v.done(out, true)
		}
		synctest.Wait()
		require.Empty(t, taken)
		v.done(out, false)
		require.Equal(t, 3, <-taken)

		for range mostVolley { // not for ever
			v.begin(out, true)
			out.push(&entry{kind: aDelivery})
			v.done(out, true)
		}
		require.Equal(t, mostVolley, <-taken)

		v.begin(out, false) // a single one keeps nobody waiting
		out.push(&entry{kind: aDelivery})
		require.Equal(t, 1, <-taken)
		v.done(out, false)
		out.close()
	})
}

// TestFrameReady: a frame of which a part is missing is not ready.
func TestFrameReady(t *testing.T) {
	frame, err := codec.NewEncoder(codec.InitialFormat()).Append(nil, codec.Header{}, &codec.KeepAlive{})
	require.NoError(t, err)
	for n := range len(frame) + 1 {
		f := newFrameReader(bytes.NewReader(append(bytes.Clone(frame), frame[:n]...)), 0)
		_, _, err := f.next()
		require.NoError(t, err)
		require.Equal(t, n == len(frame), f.ready())
	}
}
