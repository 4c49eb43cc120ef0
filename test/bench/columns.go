package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/test/harness"
)

// column is one broker with one setting of concurrentStoreAndDispatchQueues.
type column struct {
	Kind       harness.Kind
	Concurrent bool // the default of both
	Earlier    bool // the build of Conclave that -against names
}

// earlier is Conclave as it comes, of the build that -against names.
var earlier = column{Kind: harness.Conclave, Concurrent: true, Earlier: true}

var columns = []column{
	{Kind: harness.ActiveMQ, Concurrent: true}, {Kind: harness.Conclave, Concurrent: true},
	{Kind: harness.ActiveMQ}, {Kind: harness.Conclave},
}

// key is how flags and result files name a column.
func (c column) key() string {
	switch {
	case c.Earlier:
		return string(c.Kind) + "-earlier"
	case c.Concurrent:
		return string(c.Kind)
	}
	return string(c.Kind) + "-sequential"
}

// title is for tables.
func (c column) title() string {
	name := map[harness.Kind]string{harness.ActiveMQ: "ActiveMQ", harness.Conclave: "Conclave"}[c.Kind]
	if c.Earlier {
		name += " earlier"
	}
	if !c.Concurrent {
		name += " csd=false"
	}
	return name
}

// parseColumns reads a comma-separated list of keys; "all" is every column.
func parseColumns(list string) ([]column, error) {
	if list == "all" {
		return columns, nil
	}
	var chosen []column
	for key := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(columns, func(c column) bool { return c.key() == key })
		if i < 0 {
			return nil, fmt.Errorf("-settings %s: not one of activemq, activemq-sequential, conclave, conclave-sequential", key)
		}
		chosen = append(chosen, columns[i])
	}
	return chosen, nil
}

// broker configures a broker of the column in a directory of its own, or on a
// database.
func (c column) broker(binary, dir string, jdbc *harness.JDBC) (*harness.Broker, error) {
	return harness.NewBroker(harness.Options{
		JDBC:      jdbc,
		Kind:      c.Kind,
		Binary:    binary,
		Name:      "bench",
		Directory: dir + "/kahadb",
		WorkDir:   dir,
		KahaDB:    map[string]string{"concurrentStoreAndDispatchQueues": strconv.FormatBool(c.Concurrent)},
		// Enough heap for a million messages in a queue; ActiveMQ's script sets
		// the size by hand as well.
		JVM: []string{"-Xmx4g"},
	})
}
