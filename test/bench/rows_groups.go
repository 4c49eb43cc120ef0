package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

// maxGroups is how many groups of brokers share the load in the last figure.
const maxGroups = 3

// groupsRow measures what groups of brokers pass on between them: each is a
// master with a slave on its directory, bridged with all the others, and serves
// applications of its own. All run on this machine, so that its processors are
// the limit, not the number of groups.
func groupsRow() row {
	r := row{Key: "groups", measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		var rates []float64
		for n := 1; n <= maxGroups; n++ {
			rate, err := b.groups(ctx, c, n)
			if err != nil {
				return nil, fmt.Errorf("%d groups: %w", n, err)
			}
			rates = append(rates, rate)
		}
		return rates, nil
	}}
	for n := 1; n <= maxGroups; n++ {
		r.Figures = append(r.Figures, figure{Key: fmt.Sprintf("rate-%d", n), Unit: "msgs/s", Target: none,
			Title: fmt.Sprintf("groups in a network: %d, persistent 8→8 over all, %d processors", n, runtime.NumCPU())})
	}
	return r
}

// groups is the sum of what n groups pass on at the same time.
func (b *bench) groups(ctx context.Context, c cell, n int) (total float64, err error) {
	var masters []*harness.Broker
	for i := range n {
		master, slave, err := b.group(c, fmt.Sprintf("groups%d-%d", n, i), masters)
		if err != nil {
			return 0, err
		}
		defer master.Kill()
		defer slave.Kill()
		masters = append(masters, master)
	}
	rates, failures := make(chan float64, n), make(chan error, n)
	for i, master := range masters {
		s := b.complete(scenario{Producers: 8, Consumers: 8, Persistent: true, Destination: fmt.Sprintf("queue://BENCH.%d", i)})
		s.URL, s.Producers, s.Consumers = master.URL(), max(1, s.Producers/n), max(1, s.Consumers/n)
		go func() {
			o, err := goGenerator{}.run(ctx, s)
			rates <- o.Rate
			failures <- err
		}()
	}
	for range n {
		total += <-rates
		err = errors.Join(err, <-failures)
	}
	return total, err
}

// group starts a master and its slave, bridged both ways with other groups.
func (b *bench) group(c cell, name string, others []*harness.Broker) (master, slave *harness.Broker, err error) {
	bridged := func(o *harness.Options) {
		var list, elements []string
		for i, other := range others {
			list = append(list, fmt.Sprintf("{name: to-%d, uri: %q, duplex: true}", i, "static:("+other.URL()+")"))
			elements = append(elements, fmt.Sprintf("<networkConnector name='to-%d' uri=%q duplex='true'/>", i, "static:("+other.URL()+")"))
		}
		if len(others) > 0 {
			o.Broker = "networkConnectors: [" + strings.Join(list, ", ") + "]"
			o.XML = "<networkConnectors>" + strings.Join(elements, "") + "</networkConnectors>"
		}
	}
	if master, err = b.member(c, name, bridged); err != nil {
		return nil, nil, err
	}
	o := c.column.options(b.binary, c.dir+"/"+name+"-slave", nil)
	if c.column.Earlier {
		o.Binary = b.opts.against
	}
	o.Name, o.Directory = name, c.dir+"/"+name+"/kahadb"
	bridged(&o)
	if slave, err = harness.NewBroker(o); err == nil {
		if err = slave.Start(); err == nil {
			err = slave.WaitSlave(time.Minute)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Kill())
	}
	return master, slave, nil
}
