package harness

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// FreePort finds a TCP port of the loopback interface that nobody listens on.
// The kernel does not hand the same one out again soon, so that a broker may
// be configured with it and started later.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Address is host:port of a loopback port.
func Address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// Listening says whether somebody accepts connections on a loopback port.
func Listening(port int) bool { return answers(Address(port)) }

// answers says whether somebody accepts connections at an address.
func answers(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// poll asks cond every few milliseconds until it holds, gone is closed or
// limit has passed.
func poll(limit time.Duration, gone <-chan struct{}, what string, cond func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !cond() {
		select {
		case <-tick.C:
		case <-gone:
			return fmt.Errorf("waiting for %s: the process ended", what)
		case <-deadline:
			return fmt.Errorf("waiting for %s: not within %v", what, limit)
		}
	}
	return nil
}
