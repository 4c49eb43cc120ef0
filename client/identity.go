package client

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/conclavemq/conclave/message"
)

// newConnectionID makes an identifier of ActiveMQ's form,
// "ID:host-number-milliseconds-1:1", or with another prefix than "ID:host", that no other connection has. (ActiveMQ:
// IdGenerator)
func newConnectionID(prefix string) message.ConnectionID {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	host = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7F && r != ':' {
			return r
		}
		return '-'
	}, host)
	if prefix == "" {
		prefix = "ID:" + host
	}
	return message.ConnectionID(fmt.Sprintf("%s-%d-%d-1:1", prefix, rand.Uint32(), time.Now().UnixMilli()))
}

// clientIDOf is the client identifier of a connection that was given none.
func clientIDOf(id message.ConnectionID, prefix string) string {
	if prefix != "" {
		id = newConnectionID(prefix)
	}
	return strings.TrimSuffix(string(id), "-1:1") + "-0:1"
}
