package lab

import (
	"fmt"
	"net"
	"time"
)

// network is one bridge and what its addresses begin with. Host n is .n, the
// test .1.
type network struct {
	name   string
	prefix string
	octet  int // of MAC addresses
}

var (
	storageNet = network{"san", "10.77.0.", 0x77}
	clientsNet = network{"mgmt", "10.78.0.", 0x78}
)

func (n network) bridge() string         { return "br-" + n.name }
func (n network) tap(host int) string    { return fmt.Sprint(n.name, host) }
func (n network) address(i int) string   { return fmt.Sprint(n.prefix, i) }
func (n network) device(host int) string { return fmt.Sprintf("02:%02x:00:00:00:%02x", n.octet, host) }

// lay makes the bridges and a tap for each host in this process's namespace.
func lay(hosts ...int) error {
	if err := ip("link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, n := range []network{storageNet, clientsNet} {
		steps := [][]string{
			{"link", "add", n.bridge(), "type", "bridge"},
			{"addr", "add", n.address(1) + "/24", "dev", n.bridge()},
			{"link", "set", n.bridge(), "up"},
		}
		for _, h := range hosts {
			steps = append(steps,
				[]string{"tuntap", "add", "dev", n.tap(h), "mode", "tap"},
				[]string{"link", "set", n.tap(h), "master", n.bridge(), "up"})
		}
		for _, step := range steps {
			if err := ip(step...); err != nil {
				return err
			}
		}
	}
	return nil
}

// Cut takes a host off the storage network: nothing comes through either way
// and nobody is told. Clients still reach it.
func (h *Host) Cut() error { return ip("link", "set", storageNet.tap(h.number), "nomaster") }

// Heal undoes Cut.
func (h *Host) Heal() error {
	return ip("link", "set", storageNet.tap(h.number), "master", storageNet.bridge())
}

func ip(args ...string) error { return command("/", nil, append([]string{"ip"}, args...)...) }

// Address is host:port on the clients' network.
func (h *Host) Address(port int) string {
	return net.JoinHostPort(clientsNet.address(h.number), fmt.Sprint(port))
}

// Listening says whether somebody accepts clients on a port of the host.
func (h *Host) Listening(port int) bool {
	c, err := net.DialTimeout("tcp", h.Address(port), 500*time.Millisecond)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
