package jdbcstore

import (
	"maps"

	"github.com/conclavemq/conclave/message"
)

// topics are the durable subscriptions of each topic, by key.
type topics map[message.Destination]map[string]*subscription

// subscription is a durable subscription as the committer knows it. Entries
// of topics are replaced, not changed, but for the fields of the committer.
type subscription struct {
	dest         message.Destination
	container    string
	client, name string
	// The committer's:
	single bool // it has one row, which counts for all priorities
	sparse bool // there may be rows of acknowledgements beyond its mark
}

func (t topics) set(sub *subscription, key string) {
	if t[sub.dest] == nil {
		t[sub.dest] = map[string]*subscription{}
	}
	t[sub.dest][key] = sub
}

func (t topics) remove(dest message.Destination, key string) {
	delete(t[dest], key)
	if len(t[dest]) == 0 {
		delete(t, dest)
	}
}

// copy is t with maps of its own.
func (t topics) copy() topics {
	c := make(topics, len(t))
	for dest, subs := range t {
		c[dest] = maps.Clone(subs)
	}
	return c
}
