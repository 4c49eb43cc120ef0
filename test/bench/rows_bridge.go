package main

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

// bridgeRow measures one bridge: a backlog on one broker, persistent, for which
// a consumer on another asks.
func bridgeRow() row {
	return row{Key: "bridge", Figures: rate("over one bridge, persistent backlog, 1 consumer", ratios(0, 2)), Loaded: false,
		measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
			far, err := b.member(c, "far", nil)
			if err != nil {
				return nil, err
			}
			defer far.Kill()
			near, err := b.member(c, "near", func(o *harness.Options) {
				uri := "static:(" + far.URL() + ")"
				o.Broker = fmt.Sprintf("networkConnectors: [{uri: %q}]", uri)
				o.XML = fmt.Sprintf("<networkConnectors><networkConnector uri=%q/></networkConnectors>", uri)
			})
			if err != nil {
				return nil, err
			}
			defer near.Kill()
			s := b.complete(scenario{Consumers: 1})
			s.Drain = b.opts.drain / 2
			if err := preload(ctx, near.URL(), s.Destination, s.Drain, s.Size, 100); err != nil {
				return nil, err
			}
			s.URL = far.URL()
			o, err := goGenerator{}.run(ctx, s)
			if err != nil {
				err = fmt.Errorf("%w; log: %s", err, tail(near.Log(), 1000))
			}
			return []float64{o.Rate}, err
		}}
}

// member starts a broker of a network.
func (b *bench) member(c cell, name string, edit func(*harness.Options)) (*harness.Broker, error) {
	binary := b.binary
	if c.column.Earlier {
		binary = b.opts.against
	}
	o := c.column.options(binary, c.dir+"/"+name, nil)
	o.Name = name
	if edit != nil {
		edit(&o)
	}
	broker, err := harness.NewBroker(o)
	if err != nil {
		return nil, err
	}
	if err := broker.StartServing(time.Minute); err != nil {
		_ = broker.Kill()
		return nil, err
	}
	return broker, nil
}
