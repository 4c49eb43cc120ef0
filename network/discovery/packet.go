package discovery

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what a packet may announce.
const (
	longestPacket  = 8192 // ActiveMQ reads no more
	longestService = 1024
	longestName    = 256
)

const (
	typeSuffix = ".ActiveMQ-4."
	alive      = "alive."
	dead       = "dead."
	delimiter  = "%"
)

// packet is what one datagram says. (ActiveMQ: MulticastDiscoveryAgent)
type packet struct {
	dead    bool
	broker  string
	service string
}

// encode makes the datagram for a group. A name that would break the format is
// replaced by what ActiveMQ always sends.
func (p packet) encode(group string) []byte {
	word, name := alive, p.broker
	if p.dead {
		word = dead
	}
	if name == "" || len(name) > longestName || strings.Contains(name, delimiter) {
		name = "localhost"
	}
	return []byte(group + typeSuffix + word + delimiter + name + delimiter + p.service)
}

// decode reads a datagram of a group; ok is false for any other, and for one
// that announces what nobody should connect to.
func decode(group string, datagram []byte) (p packet, ok bool) {
	if len(datagram) > longestPacket || !utf8.Valid(datagram) {
		return packet{}, false
	}
	rest, ours := strings.CutPrefix(string(datagram), group+typeSuffix)
	if !ours {
		return packet{}, false
	}
	rest, p.dead = strings.CutPrefix(rest, dead)
	if !p.dead {
		if rest, ok = strings.CutPrefix(rest, alive); !ok {
			return packet{}, false
		}
	}
	rest, ok = strings.CutPrefix(rest, delimiter)
	if !ok {
		return packet{}, false
	}
	p.broker, p.service, ok = strings.Cut(rest, delimiter)
	return p, ok && len(p.broker) <= longestName && announceable(p.service)
}

// announceable reports whether a service is a plain address: a packet from
// anywhere must not make this broker do more than connect.
func announceable(service string) bool {
	if len(service) > longestService || strings.ContainsAny(service, "(), \t\r\n") {
		return false
	}
	parsed, err := url.Parse(service)
	return err == nil && slices.Contains(reachable, parsed.Scheme) && checkAddress(service) == nil
}
