package network

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// stuckWire is a wire whose writer takes nothing until it is told to.
type stuckWire struct {
	Wire
	free    chan struct{}
	answers int // the server's goroutine's, until free is closed and it has ended
}

func (w *stuckWire) Push(any) error {
	<-w.free
	w.answers++
	return nil
}

// serveStuck has a server whose first command is not done until w is free, and
// gives it n commands of size bytes. taken counts those that it took.
func serveStuck(n, size int, ending chan struct{}) (s *server, w *stuckWire, taken *int) {
	w, taken = &stuckWire{free: make(chan struct{})}, new(int)
	b := &bridge{}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	s = newServer(b, w)
	s.start()
	go func() {
		for i := range n {
			s.take(openwire.Header{CommandID: int32(i), ResponseRequired: true}, &message.Message{}, size, ending)
			*taken++
		}
	}()
	return s, w, taken
}

// TestWhatWaitsToBeServedIsBounded: the local broker takes nothing. What the
// other one sends is not read beyond a bound of bytes, nothing of it is dropped,
// and its wire may end meanwhile.
func TestWhatWaitsToBeServedIsBounded(t *testing.T) {
	for name, size := range map[string]int{"large": 1 << 20, "small": 1, "larger than all": mostServed + 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				most := max(mostServed/max(size, leastServed), 1)
				s, w, taken := serveStuck(most+10, size, nil)
				synctest.Wait()
				require.Equal(t, most, *taken)
				require.LessOrEqual(t, s.waiting, max(mostServed, size))
				close(w.free)
				synctest.Wait()
				require.Equal(t, most+10, *taken)
				s.close()
				require.Equal(t, most+10, w.answers, "each is answered")
				require.Zero(t, s.waiting)
			})
		})
	}
	ends := map[string]func(*server, chan struct{}){
		"the bridge": func(s *server, _ chan struct{}) { s.bridge.cancel(errStopped) },
		"the wire":   func(_ *server, ending chan struct{}) { close(ending) },
	}
	for name, end := range ends {
		t.Run(name+" ends", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ending := make(chan struct{})
				s, w, taken := serveStuck(70, 1<<20, ending)
				synctest.Wait()
				require.Equal(t, 64, *taken)
				end(s, ending)
				synctest.Wait()
				require.Equal(t, 70, *taken, "the reader goes on, and sees the end")
				s.cancel()
				close(w.free)
				s.close()
			})
		})
	}
}
