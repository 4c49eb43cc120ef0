package broker

import "github.com/conclavemq/conclave/message"

// maxUnheard bounds the advisories that wait for one listener beyond its
// prefetch, where no policy does: the oldest are dropped.
const maxUnheard = 100_000

// maxUntaught is maxUnheard for another broker's bridge, whatever the policy, and
// beyond it the connection is closed: the bridge would keep a subscription for a
// consumer that has gone, or have none for one that is there, for as long as it
// lives. One that begins anew is told everything. (ActiveMQ drops the oldest, of
// its bridges' too)
const maxUntaught = 1 << 19

// maxDepartures bounds the deliveries that are still to be told of.
const maxDepartures = 16384

// departure is a delivery that is to be told of. It happens under locks under
// which nothing can be published.
type departure struct {
	p  *place
	m  *message.Message
	to message.ConsumerID
}

// later tells of a delivery soon, or not at all if too many wait. It never
// blocks.
func (a *advisories) later(d departure) {
	select {
	case a.departures <- d:
	default:
		a.untold.Add(1)
	}
}

// loop tells of deliveries.
func (a *advisories) loop() {
	for {
		select {
		case <-a.b.stop:
			return
		case d := <-a.departures:
			a.dispatched(d.p, d.m, d.to)
			if n := a.untold.Swap(0); n > 0 {
				a.b.log.Warn("deliveries were not told of: too many waited", "count", n)
			}
		}
	}
}
