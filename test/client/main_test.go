//go:build interop

package client

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

var kindFlag = flag.String("broker", "", "conclave or activemq, else both")

// startLimit bounds every start, caseLimit every case.
const (
	startLimit = 60 * time.Second
	caseLimit  = 30 * time.Second
)

// lab has Conclave's binary.
var lab harness.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "client")
	if err == nil {
		lab.Binary, err = harness.ConclaveBinary(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/client:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "test/client:", err)
		code = 1
	}
	os.Exit(code)
}

// user may connect to ActiveMQ, as may anybody without a name; Conclave does
// not ask.
const activemqUsers = `<plugins><simpleAuthenticationPlugin anonymousAccessAllowed="true"><users>
  <authenticationUser username="user" password="secret" groups="users"/></users></simpleAuthenticationPlugin></plugins>`

// onBoth runs a test against each kind of broker, two nodes of it that have
// nothing to do with each other; both kinds at once.
func onBoth(t *testing.T, test func(t *testing.T, a, b *harness.Broker)) {
	for _, kind := range []harness.Kind{harness.Conclave, harness.ActiveMQ} {
		if *kindFlag != "" && *kindFlag != string(kind) {
			continue
		}
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var nodes []*harness.Broker
			for _, name := range []string{"a", "b"} {
				work := t.TempDir()
				n := lab.NewBroker(t, harness.Options{Kind: kind, Name: name, WorkDir: work,
					Directory: filepath.Join(work, "kahadb"), XML: activemqUsers})
				require.NoError(t, n.Start())
				nodes = append(nodes, n)
			}
			for _, n := range nodes {
				require.NoError(t, n.WaitServing(startLimit))
			}
			test(t, nodes[0], nodes[1])
		})
	}
}

// bench is what a case works with.
type bench struct {
	*testing.T
	ctx  context.Context
	url  string
	kind harness.Kind
}

// dial connects and closes with the case.
func (b *bench) dial(url string, opts client.Options) *client.Conn {
	b.Helper()
	conn, err := client.Dial(b.ctx, url, opts)
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func (b *bench) session(conn *client.Conn, mode client.AckMode) *client.Session {
	b.Helper()
	s, err := conn.Session(b.ctx, mode)
	require.NoError(b, err)
	return s
}

func (b *bench) producer(s *client.Session, d message.Destination, opts client.ProducerOptions) *client.Producer {
	b.Helper()
	p, err := s.Producer(b.ctx, d, opts)
	require.NoError(b, err)
	return p
}

func (b *bench) consumer(s *client.Session, d message.Destination, opts client.ConsumerOptions) *client.Consumer {
	b.Helper()
	c, err := s.Consumer(b.ctx, d, opts)
	require.NoError(b, err)
	return c
}

// send puts texts into a destination.
func (b *bench) send(conn *client.Conn, d message.Destination, texts ...string) {
	b.Helper()
	p := b.producer(b.session(conn, client.AutoAcknowledge), d, client.ProducerOptions{})
	for _, text := range texts {
		require.NoError(b, p.Send(b.ctx, client.NewText(text)))
	}
}

// texts receives n text messages.
func (b *bench) texts(c *client.Consumer, n int) []string {
	b.Helper()
	var list []string
	for range n {
		d, err := c.Receive(b.ctx)
		require.NoError(b, err)
		text, err := client.Text(d.Message)
		require.NoError(b, err)
		list = append(list, text)
	}
	return list
}

// empty checks that nothing is left for a consumer.
func (b *bench) empty(c *client.Consumer) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	d, err := c.Receive(ctx)
	require.ErrorIs(b, err, context.DeadlineExceeded, "%v", d)
}

// queue is a queue of the case's own.
func (b *bench) queue() message.Destination {
	return message.NewQueue("CASE." + filepath.Base(b.Name()))
}
