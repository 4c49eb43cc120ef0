package harness

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// The ports that FreePort gives: below those that the kernel gives to clients and
// to listeners that take any, or one of them could be on a slave's port when
// that comes to serve.
const firstPort, lastPort = 11000, 32000

// ports counts those that FreePort has given.
var ports atomic.Int32

// FreePort finds a TCP port of the loopback interface that nobody listens on.
// It gives each once, so that a broker may be configured with it and listen
// later, when it becomes master or when it is started again.
func FreePort() (int, error) {
	for range lastPort - firstPort {
		port := firstPort + (os.Getpid()*256+int(ports.Add(1)))%(lastPort-firstPort)
		if l, err := net.Listen("tcp", Address(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
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
