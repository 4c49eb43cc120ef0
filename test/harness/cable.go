package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// Cable joins the test's network namespace to a new one: a host of its own,
// whose connections can be cut without either end hearing of it. It needs root.
type Cable struct {
	Name string // of the namespace
	Near string // address of the test's end
	Far  string // address of the other end
}

// cables counts those that were laid, so that each has its own addresses.
var cables atomic.Int32

// LayCable makes a namespace; Close takes it away.
func LayCable() (*Cable, error) {
	n := int(cables.Add(1))
	c := &Cable{Name: fmt.Sprintf("cable%d-%d", os.Getpid(), n)}
	net := fmt.Sprintf("10.%d.%d.", 180+os.Getpid()/250%60, os.Getpid()%250)
	c.Near, c.Far = net+strconv.Itoa(4*n%256+1), net+strconv.Itoa(4*n%256+2)
	near := fmt.Sprintf("cb%x-%d", os.Getpid(), n) // an interface's name has 15 letters at most
	for _, line := range []string{
		"ip netns add " + c.Name,
		"ip link add " + near + " type veth peer name far netns " + c.Name,
		"ip addr add " + c.Near + "/30 dev " + near,
		"ip link set " + near + " up",
		"ip -n " + c.Name + " addr add " + c.Far + "/30 dev far",
		"ip -n " + c.Name + " link set far up",
		"ip -n " + c.Name + " link set lo up",
		"ip netns exec " + c.Name + " nft add table inet cut",
		"ip netns exec " + c.Name + " nft add chain inet cut in { type filter hook input priority 0 ; }",
		"ip netns exec " + c.Name + " nft add chain inet cut out { type filter hook output priority 0 ; }",
	} {
		if err := command(line); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Cut drops every packet between the far end and a TCP port of the near one,
// in both directions; port 0 is all of them.
func (c *Cable) Cut(port int) error {
	in, out := "drop", "drop"
	if port != 0 {
		in, out = fmt.Sprintf("tcp sport %d drop", port), fmt.Sprintf("tcp dport %d drop", port)
	}
	return errors.Join(c.nft("add rule inet cut in "+in), c.nft("add rule inet cut out "+out))
}

// Heal lets everything pass again.
func (c *Cable) Heal() error {
	return errors.Join(c.nft("flush chain inet cut in"), c.nft("flush chain inet cut out"))
}

// Close takes the namespace away, and with it the cable.
func (c *Cable) Close() error { return command("ip netns del " + c.Name) }

func (c *Cable) nft(rule string) error {
	return command("ip netns exec " + c.Name + " nft " + rule)
}

// command runs a line whose words have no spaces.
func command(line string) error {
	words := strings.Fields(line)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}
