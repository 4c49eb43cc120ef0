package discovery

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/conclavemq/conclave/internal/hostport"
)

// What "multicast://default" means. (ActiveMQ: MulticastDiscoveryAgent)
const (
	defaultHost  = "default"
	defaultGroup = "239.255.2.3"
	defaultPort  = 6155
)

// groupOptions are the options of multicast:.
type groupOptions struct {
	address *net.UDPAddr
	name    string // option group
	// keepAlive is between announcements; ten without are death.
	keepAlive time.Duration
	ttl       int
	// noLoop keeps what is sent from this host's own sockets; the option's
	// name, loopBackMode, is Java's, which turns it off where it is true.
	noLoop bool
	// source is an address of the interface to send by (option interface);
	// network its name (networkInterface); join the one to receive by
	// (joinNetworkInterface).
	source  string
	network string
	join    string
}

func (u *URI) parseMulticast(s string) error {
	parsed, err := url.Parse(withoutBlanks(s))
	if err != nil {
		return fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	if parsed.User != nil || parsed.Fragment != "" || parsed.Opaque != "" || parsed.Path != "" && parsed.Path != "/" {
		return fmt.Errorf("%w %q: write multicast://default or multicast://group:port", ErrURI, s)
	}
	options, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	u.group = groupOptions{name: "default", keepAlive: 500 * time.Millisecond, ttl: 1}
	u.backOff = backOff{initial: 5 * time.Second, max: 30 * time.Second, multiplier: 2}
	if u.group.address, err = groupAddress(parsed); err != nil {
		return fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	known := u.backOff.options()
	u.group.addOptions(known)
	if err := u.apply(options, known); err != nil {
		return err
	}
	if u.group.keepAlive < shortestKeepAlive {
		return fmt.Errorf("%w keepAliveInterval: less than %v", ErrOption, shortestKeepAlive)
	}
	return nil
}

// shortestKeepAlive keeps a typing error from filling the network.
const shortestKeepAlive = 10 * time.Millisecond

func (g *groupOptions) addOptions(known map[string]set) {
	known["group"] = text(&g.name)
	known["keepAliveInterval"] = duration(&g.keepAlive)
	known["timeToLive"] = number(&g.ttl, 0, math.MaxUint8)
	known["loopBackMode"] = boolean(&g.noLoop)
	known["interface"] = text(&g.source)
	known["networkInterface"] = text(&g.network)
	known["joinNetworkInterface"] = text(&g.join)
}

func groupAddress(u *url.URL) (*net.UDPAddr, error) {
	host, port := u.Hostname(), defaultPort
	switch host {
	case "":
		return nil, fmt.Errorf("no group; write multicast://default")
	case defaultHost:
		host = defaultGroup
	}
	address, err := netip.ParseAddr(host)
	if err != nil || !address.Is4() || !address.IsMulticast() {
		return nil, fmt.Errorf("%q is not the address of a multicast group of IPv4", host)
	}
	if u.Port() != "" {
		if port, err = hostport.Port(u.Port(), 1); err != nil {
			return nil, err
		}
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, uint16(port))), nil
}
