package console

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// nodeCollector tells of a node, whatever its role.
type nodeCollector struct{ status *Status }

// roles are all that there are.
var roles = []string{"slave", "starting", "master", "handing over", "stopping"}

var (
	descInfo      = describe("info", "The broker's name, host and version; always 1.", "broker", "host", "version")
	descRole      = describe("role", "1 for the role that this node has, 0 for the others.", "role")
	descRoleSince = describe("role_since_timestamp_seconds", "When this node took its role.")
	descEpoch     = describe("epoch", "The number of this mastership; 0 of a slave.")

	descHeld       = describe("lock_held", "1 if somebody has the lock on the store.")
	descHolder     = describe("lock_holder_info", "Who has the lock on the store, or had it last.", "broker", "host", "pid")
	descHeldFor    = describe("lock_held_seconds", "How long the holder has had the lock.")
	descHeldEpoch  = describe("lock_epoch", "The number of the mastership that has the lock, or had it last.")
	descLeaseValid = describe("lease_valid", "1 if this master may acknowledge and deliver.")
	descLeaseAge   = describe("lease_checked_seconds", "How long ago this master last began to prove that it has the lock.")

	descCaughtUp    = describe("following_caught_up", "1 if this slave has read all that the master has written.")
	descBehindBytes = describe("following_behind_bytes", "What this slave has not read yet, at most.")
	descBehind      = describe("following_behind_seconds", "How long ago this slave had read all; -1 never.")

	descTakeover = describe("takeover_seconds", "How long this master took from the lock to open ports, in all and by step.", "step")
)

// Describe implements prometheus.Collector.
func (c *nodeCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *nodeCollector) Collect(out chan<- prometheus.Metric) {
	s, to := c.status, sink(out)
	to.gauge(descInfo, 1, s.BrokerName, s.Host, s.Version)
	for _, role := range roles {
		to.gauge(descRole, oneIf(role == s.Role), role)
	}
	to.gauge(descRoleSince, float64(s.Since.UnixMilli())/1000)
	to.gauge(descEpoch, float64(s.Epoch))
	if h := s.Holder; h != nil {
		to.gauge(descHeld, oneIf(h.Held))
		to.gauge(descHolder, oneIf(h.Held), h.BrokerName+h.Foreign, h.Host, strconv.Itoa(h.PID))
		to.gauge(descHeldFor, h.HeldSeconds)
		to.gauge(descHeldEpoch, float64(h.Epoch))
	}
	if l := s.Lease; l != nil {
		to.gauge(descLeaseValid, oneIf(l.Valid))
		to.gauge(descLeaseAge, l.CheckedSecondsAgo)
	}
	if f := s.Following; f != nil {
		to.gauge(descCaughtUp, oneIf(f.CaughtUp))
		to.gauge(descBehindBytes, float64(f.BehindBytes))
		to.gauge(descBehind, f.BehindSeconds)
	}
	if t := s.Start; t != nil {
		to.gauge(descTakeover, t.All, "all")
		to.gauge(descTakeover, t.Store, "store")
		to.gauge(descTakeover, t.Broker, "broker")
		to.gauge(descTakeover, t.Ports, "ports")
	}
}
