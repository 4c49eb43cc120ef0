package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/conclavemq/conclave/internal/hostport"
)

// How a host is published. (ActiveMQ: PublishedHostStrategy)
const (
	PublishDefault   = "DEFAULT"   // as it is bound; a wildcard as this host's name
	PublishIPAddress = "IPADDRESS" // its address
	PublishHostname  = "HOSTNAME"  // its name
	PublishFQDN      = "FQDN"      // its full name in the DNS
)

// AddressPolicy says under which address others are told to connect. The zero
// value is the default. (ActiveMQ: PublishedAddressPolicy)
type AddressPolicy struct {
	Strategy string            // one of the constants above, "" is PublishDefault
	Query    string            // options for clients, without "?"
	Hosts    map[string]string // a host that others know under another name
	Ports    map[int]int       // a port that others know under another number
}

// resolveTime bounds the questions to the DNS.
const resolveTime = 2 * time.Second

// URI is the address of a connector that listens at port.
func (p *AddressPolicy) URI(u *URI, port int) string {
	host := p.host(u.Host)
	if mapped, ok := p.Hosts[host]; ok {
		host = mapped
	}
	if mapped, ok := p.Ports[port]; ok {
		port = mapped
	}
	uri := hostport.URI(u.Scheme, host, port)
	if p.Query != "" {
		uri += "?" + p.Query
	}
	return uri
}

// host is the host that a connector's URI names, as it is published. What the
// DNS does not know stays as it is.
func (p *AddressPolicy) host(host string) string {
	switch host {
	case "":
		host = "localhost"
	case "0.0.0.0", "::":
		if name, err := os.Hostname(); err == nil && hostport.Check(name) == nil {
			host = name
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTime)
	defer cancel()
	switch p.Strategy {
	case PublishIPAddress:
		return address(ctx, host)
	case PublishHostname, PublishFQDN:
		return name(ctx, host, p.Strategy == PublishFQDN)
	}
	return host
}

// address prefers one of IPv4, as Java does.
func address(ctx context.Context, host string) string {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return host
	}
	for _, a := range found {
		if a.Unmap().Is4() {
			return a.Unmap().String()
		}
	}
	return found[0].String()
}

func name(ctx context.Context, host string, full bool) string {
	_, err := netip.ParseAddr(host)
	isAddress := err == nil
	switch {
	case isAddress:
	case !full:
		return host
	default:
		host = address(ctx, host)
	}
	names, err := net.DefaultResolver.LookupAddr(ctx, host)
	if err != nil || len(names) == 0 {
		return host
	}
	return strings.TrimSuffix(names[0], ".")
}

// mappings reads "from=to,from=to".
func mappings(text string) (map[string]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	m := make(map[string]string)
	for pair := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(pair, "=")
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if !ok || from == "" || to == "" {
			return nil, fmt.Errorf("%q is not from=to", pair)
		}
		m[from] = to
	}
	return m, nil
}

// ParseHosts reads "from=to,from=to" of hosts.
func ParseHosts(text string) (map[string]string, error) {
	m, err := mappings(text)
	if err != nil {
		return nil, err
	}
	for from, to := range m {
		if err := hostport.Check(to); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", from, to, err)
		}
	}
	return m, nil
}

// ParsePorts reads "from=to,from=to" of port numbers.
func ParsePorts(text string) (map[int]int, error) {
	named, err := mappings(text)
	if err != nil {
		return nil, err
	}
	m := make(map[int]int)
	for from, to := range named {
		a, errA := strconv.ParseUint(from, 10, 16)
		b, errB := strconv.ParseUint(to, 10, 16)
		if errA != nil || errB != nil || a == 0 || b == 0 {
			return nil, fmt.Errorf("%s=%s: not ports of 1 to 65535", from, to)
		}
		m[int(a)] = int(b)
	}
	return m, nil
}
