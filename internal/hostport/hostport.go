// Package hostport says which hosts a URI may name, so that whatever is read is
// also printed in a form that can be read again. Go's net/url takes hosts such
// as "a:b", "<a>" and "a%b", which are neither names nor addresses.
package hostport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ErrHost reports a host that is neither a name nor an address.
var ErrHost = errors.New("no name of a host and no IP address")

// longest is more than any name in the DNS has. Bytes.
const longest = 255

// Of is the host that a URI names, "" if it names none. An IPv6 address without
// brackets is refused: where it ends cannot be said.
func Of(u *url.URL) (string, error) {
	host := u.Hostname()
	if host == "" {
		return "", nil
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(u.Host, "[") {
		return "", fmt.Errorf("%q: %w (one of IPv6 stands in brackets)", shortened(u.Host), ErrHost)
	}
	return host, Check(host)
}

// Check takes a name of letters, digits, ".", "-" and "_" (which hosts have,
// though the DNS does not allow it), an IPv4 address, and an IPv6 address
// without brackets, with or without a zone. Names in other alphabets are written
// in their form for the DNS ("xn--…"): Go looks up no others.
func Check(host string) error {
	name := host
	if strings.Contains(host, ":") {
		address, err := netip.ParseAddr(host)
		if err != nil {
			return fmt.Errorf("%q: %w", shortened(host), ErrHost)
		}
		if name = address.Zone(); name == "" {
			return nil
		}
	}
	if name == "" || len(name) > longest || strings.ContainsFunc(name, isForeign) {
		return fmt.Errorf("%q: %w", shortened(host), ErrHost)
	}
	return nil
}

func isForeign(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune(".-_", r)
}

// shortened bounds what an error repeats.
func shortened(host string) string { return host[:min(len(host), longest)] }

// Port reads the number of a port, least to 65535.
func Port(text string, least int) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || int(n) < least {
		return 0, fmt.Errorf("port %q is not a number of %d to 65535", shortened(text), least)
	}
	return int(n), nil
}

// URI is "scheme://host:port" of a host that Check takes. Before a zone it has
// "%25" (RFC 6874).
func URI(scheme, host string, port int) string {
	return scheme + "://" + Escape(net.JoinHostPort(host, strconv.Itoa(port)))
}

// Escape makes the authority of a URI out of an address of package net.
func Escape(address string) string { return strings.ReplaceAll(address, "%", "%25") }
