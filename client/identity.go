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
// "ID:host-number-milliseconds-1:1", that no other connection has. (ActiveMQ:
// IdGenerator)
func newConnectionID() message.ConnectionID {
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
	return message.ConnectionID(fmt.Sprintf("ID:%s-%d-%d-1:1", host, rand.Uint32(), time.Now().UnixMilli()))
}

// clientIDOf is the client identifier of a connection that was given none.
func clientIDOf(id message.ConnectionID) string {
	return strings.TrimSuffix(string(id), "-1:1") + "-0:1"
}
