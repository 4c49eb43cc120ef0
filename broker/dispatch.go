package broker

import (
	"errors"
	"slices"

	"github.com/conclavemq/conclave/message"
)

// resolve returns where a producer's messages for dest go.
func (c *Connection) resolve(p *producer, dest message.Destination) (*route, error) {
	version := c.b.registry.version.Load()
	if p.route.version == version && p.route.asked == dest {
		return &p.route, nil
	}
	r, err := c.plan(dest, version)
	if err == nil {
		p.route = r
	}
	return &p.route, err
}

// plan is resolve for what the producer did not send to last.
func (c *Connection) plan(asked message.Destination, version uint64) (route, error) {
	dest := c.b.named(asked)
	if dest.IsZero() {
		return route{}, failure(ErrInvalidDestination, "Message has no destination")
	}
	if dest.IsComposite() || c.b.routing.concerns(dest) {
		r, err := c.b.routing.find(c.sendable, asked, dest, version)
		if err != nil {
			return route{}, err
		}
		return *r, nil
	}
	t, err := c.sendable(dest)
	return route{asked: asked, dest: dest, version: version, first: t}, err
}

// sendable returns a destination to send to. A temporary one is not created
// by a send, unless that is configured, or it is about to be announced.
func (c *Connection) sendable(dest message.Destination) (target, error) {
	if dest.Kind.IsTemporary() && c.b.options.AllowTempAutoCreationOnSend && ownerOf(dest) == c.info.ID {
		return c.addTemporary(dest, nil)
	}
	t, err := c.b.sendable(dest)
	if err != nil && c.foresees(dest) {
		return c.b.await(dest)
	}
	return t, err
}

func (b *Broker) sendable(dest message.Destination) (target, error) {
	if t := b.registry.find(dest); t != nil {
		return t, nil
	}
	if dest.Kind.IsTemporary() && !b.options.AllowTempAutoCreationOnSend {
		return nil, &MissingDestination{dest}
	}
	return b.ensure(dest)
}

// additions appends what the message adds, and where, to list.
func (d *dispatch) additions(list []addition) []addition {
	if d.more == nil {
		return append(list, addition{target: d.first, m: d.m, op: -1})
	}
	for i := range d.more {
		list = append(list, addition{target: d.more[i].target, m: d.more[i].copy(d.m), op: -1})
	}
	return list
}

// expire is for a message that had expired when it arrived.
func (d *dispatch) expire() {
	list := d.additions(nil)
	if len(list) == 0 {
		d.finish()(d.c.b.owned())
		return
	}
	for i, a := range list {
		done := func(error) {}
		if i == len(list)-1 {
			done = d.finish() // units are done in order
		}
		d.c.b.expireArrival(a.target.base(), a.m, done)
	}
}

// dropShort leaves out the legs that may be left out, have no memory and would
// fail the send.
func (d *dispatch) dropShort() {
	without := func(l leg) bool {
		p := short(l.target, d.m)
		return l.dropped && p != nil && p.space.failNow && p.blocks()
	}
	if slices.ContainsFunc(d.more, without) {
		d.more = slices.DeleteFunc(slices.Clone(d.more), without)
	}
}

// dropStored leaves out the legs that the store has no space for, and reports
// whether the message goes on. Those that may not be left out fail it.
func (d *dispatch) dropStored(err error) bool {
	if !errors.Is(err, ErrResourceAllocation) || len(d.more) == 0 {
		return false
	}
	var rest []leg
	for _, l := range d.more {
		switch {
		case !l.target.stores(d.m):
			rest = append(rest, l)
		case !l.dropped:
			return false
		}
	}
	d.more = append([]leg{}, rest...)
	return true
}
