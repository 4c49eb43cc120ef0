//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

// deafness makes network connections that hear nothing more when it is told
// to, as if every answer were lost on its way.
type deafness struct {
	deaf chan struct{} // closed: nothing is heard
	over chan struct{} // closed: the connections made until then end
	once sync.Once
}

type deafConn struct {
	net.Conn
	d *deafness
}

func (d *deafness) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	select {
	case <-d.over:
		return c, err
	default:
		return &deafConn{c, d}, err
	}
}

func (c *deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.d.deaf:
		<-c.d.over
		return 0, io.EOF
	default:
		return n, err
	}
}

// TestResentMessageIsStoredOnce: a master stores a message and dies before its
// answer arrives; the client sends it again to the heir, of the other kind,
// which knows it from the journal.
func TestResentMessageIsStoredOnce(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][]harness.Kind{{harness.ActiveMQ, harness.Conclave}, {harness.Conclave, harness.ActiveMQ}} {
		t.Run(fmt.Sprintf("%s_to_%s", kinds[0], kinds[1]), func(t *testing.T) {
			p := startPair(t, kinds...)
			book := harness.NewLedger()
			d := &deafness{deaf: make(chan struct{}), over: make(chan struct{})}
			defer d.once.Do(func() { close(d.over) })
			conn, err := client.Dial(within(t, startLimit), p.url()+"&useExponentialBackOff=false", client.Options{DialContext: d.dial})
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			session, err := conn.Session(within(t, startLimit), client.AutoAcknowledge)
			require.NoError(t, err)
			send(t, session, book, "heard", 10)

			producer, err := session.Producer(within(t, startLimit), kept, client.ProducerOptions{})
			require.NoError(t, err)
			close(d.deaf)
			number, body := book.Next("unheard", 1024)
			sent := make(chan error, 1)
			ctx := within(t, startLimit)
			go func() { sent <- producer.Send(ctx, client.NewText(body)) }()
			require.Eventually(t, func() bool { return stored(t, p.serving().Directory(), harness.Entry("unheard", number)) },
				startLimit, 5*time.Millisecond, "the master did not store it")
			p.alternate()
			d.once.Do(func() { close(d.over) })
			require.NoError(t, <-sent)
			book.Acknowledged("unheard", number)

			c := consume(t, dial(t, p.serving()))
			take(t, c, book, 11)
			none, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			extra, err := c.Receive(none)
			require.Error(t, err, "stored twice: %v", extra.Message)
			require.NoError(t, book.Check())
		})
	}
}

// stored reports whether a message's mark is in a journal file.
func stored(t *testing.T, dir, mark string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "db-*.log"))
	require.NoError(t, err)
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), mark) {
			return true
		}
	}
	return false
}
