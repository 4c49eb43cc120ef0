package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

func caching(c SelectorCache) func(*Options) {
	virtual := virtually(VirtualTopic{Name: ">", Prefix: "To.*.", SelectorAware: true})
	return func(o *Options) {
		virtual(o)
		o.SelectorCache = &c
		o.ID = message.BrokerID(fmt.Sprintf("ID:%d", time.Now().UnixNano())) // each start has another
	}
}

func wanting(text string) func(*message.ConsumerInfo) {
	return func(i *message.ConsumerInfo) { i.Selector = text }
}

// What a consumer wants waits for it while it is away, and only that, also
// with the next master.
func TestSelectorsAreKept(t *testing.T) {
	f := start(t, caching(SelectorCache{}))
	to := message.NewQueue("To.A." + news.Name)
	send := func(f *fixture, types ...string) {
		c := f.connect()
		p := c.producer(1, news)
		for _, x := range types {
			c.sendN(p, news, 1, withType(x))
		}
	}
	come := func(f *fixture, n int64, selector string, change ...func(*message.ConsumerInfo)) {
		c := f.connect()
		c.consumer(n, to, 0, append(change, wanting(selector))...)
		c.Connection.Close()
	}
	c := f.connect()
	require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: to}))
	send(f, "x", "y")
	require.Zero(t, f.stats(to).Size, "nobody has ever wanted anything")
	come(f, 1, "x")
	come(f, 2, "y", func(i *message.ConsumerInfo) { i.Browser = true })
	send(f, "x", "y")
	require.EqualValues(t, 1, f.stats(to).Size)

	f = f.crash(caching(SelectorCache{}))
	send(f, "x", "y")
	require.EqualValues(t, 2, f.stats(to).Size)
	come(f, 1, "y")
	come(f, 2, "x")
	send(f, "x", "y", "z")
	require.EqualValues(t, 4, f.stats(to).Size)
	come(f, 1, "")
	eventually(t, "stored", func() bool { return len(f.stored(selectorQueue)) == 3 })

	f = f.crash(caching(SelectorCache{}))
	send(f, "x", "y", "z")
	require.EqualValues(t, 7, f.stats(to).Size)
	require.ErrorIs(t, f.connect().AddDestination(&message.DestinationInfo{Destination: selectorQueue}), ErrInvalidDestination)
}

func TestSingleSelector(t *testing.T) {
	f := start(t, caching(SelectorCache{Single: true}))
	to := message.NewQueue("To.A." + news.Name)
	kept := func(want ...any) {
		t.Helper()
		eventually(t, "stored", func() bool {
			var list []any
			for _, e := range f.stored(selectorQueue) {
				list = append(list, propertyOf(t, e.Message, selectorText))
			}
			return slices.Equal(want, list)
		})
	}
	c := f.connect()
	c.consumer(1, to, 0, wanting("x"))
	everything := c.consumer(2, to, 0)
	kept("x", "TRUE")
	c.consumer(3, to, 0, wanting("y"))
	kept("TRUE", "y")
	require.NoError(t, c.RemoveConsumer(everything, 0))
	kept("y")
	f = f.crash(caching(SelectorCache{Single: true}))
	c = f.connect()
	c.consumer(1, to, 0, wanting("z"))
	kept("z")
	require.True(t, f.selectors.attract(to, &message.Message{Type: "z"}))
	require.False(t, f.selectors.attract(to, &message.Message{Type: "y"}))
}

// A queue that has had too many selectors gets everything, and what is kept
// stays bounded.
func TestManySelectors(t *testing.T) {
	f := start(t, caching(SelectorCache{}))
	to := message.NewQueue("To.A." + news.Name)
	for i := range maxSelectors + 10 {
		f.selectors.come(&message.ConsumerInfo{Destination: to, Selector: fmt.Sprintf("s%d", i)})
	}
	eventually(t, "stored", func() bool { return len(f.stored(selectorQueue)) == maxSelectors })
	require.True(t, f.selectors.attract(to, &message.Message{Type: "nobody's"}))
}

// A selector that nobody can read, or no selector, costs nothing but itself.
func TestForeignSelectors(t *testing.T) {
	f := start(t, caching(SelectorCache{}))
	m := f.selectors.record(orders, "x")
	m.Properties = []byte{1, 2, 3}
	done := newOutcome()
	f.store.Append(store.Single(store.Op{Action: store.Add, Destination: selectorQueue, Message: m}, true, done.done))
	require.NoError(t, done.wait(t))
	f.selectors.come(&message.ConsumerInfo{Destination: orders, Selector: "x"})
	f = f.crash(caching(SelectorCache{}))
	require.True(t, f.selectors.attract(orders, &message.Message{Type: "x"}))
	require.False(t, f.selectors.attract(orders, &message.Message{Type: "y"}))
}

// (ActiveMQ: SubQueueSelectorCacheBrokerWildcardTest)
func TestWildcardsOfSelectors(t *testing.T) {
	for selector, want := range map[string]bool{
		"foo LIKE 'sanity'": false, "foo like 'sa%'": true, "foo LIKE '_x'": true,
		"foo = 'a%'": false, "foo='_' AND bar LIKE 'plain'": false,
		`foo LIKE 'a\_b' ESCAPE '\'`: false, `foo LIKE 'a\_b%' ESCAPE '\'`: true, "foo LIKE 'a+%b' ESCAPE '+'": false,
		"foo LIKE 'a' OR bar LIKE 'b%'": true, "foo LIKE 'it''s'": false, "foo LIKE 'it''s%'": true, "unlike = '%'": false,
	} {
		require.Equal(t, want, hasWildcards(selector), selector)
	}
}
