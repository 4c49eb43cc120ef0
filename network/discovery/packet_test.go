package discovery

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackets(t *testing.T) {
	for _, c := range []struct {
		datagram string
		packet   packet
	}{
		{"default.ActiveMQ-4.alive.%localhost%tcp://h:61616", packet{broker: "localhost", service: "tcp://h:61616"}},
		{"default.ActiveMQ-4.dead.%b%tcp://h:61616?a=b", packet{dead: true, broker: "b", service: "tcp://h:61616?a=b"}},
		{"default.ActiveMQ-4.alive.%localhost%nio+ssl://[::1]:1", packet{broker: "localhost", service: "nio+ssl://[::1]:1"}},
	} {
		p, ok := decode("default", []byte(c.datagram))
		require.True(t, ok, c.datagram)
		require.Equal(t, c.packet, p)
		require.Equal(t, c.datagram, string(p.encode("default")))
	}
	for _, name := range []string{"", "a%b", strings.Repeat("n", longestName+1)} {
		require.Contains(t, string(packet{broker: name, service: "s"}.encode("g")), "%localhost%s")
	}
}

func TestHostilePackets(t *testing.T) {
	for _, datagram := range []string{
		"",
		"default",
		"other.ActiveMQ-4.alive.%localhost%tcp://h:1",
		"default.ActiveMQ-4.",
		"default.ActiveMQ-4.alive.",
		"default.ActiveMQ-4.alive.%",
		"default.ActiveMQ-4.alive.%b",
		"default.ActiveMQ-4.alive.b%tcp://h:1",
		"default.ActiveMQ-4.wibble.%b%tcp://h:1",
		"default.ActiveMQ-4.alive.%b%",
		"default.ActiveMQ-4.alive.%b%h:1",
		"default.ActiveMQ-4.alive.%b%tcp://h",
		"default.ActiveMQ-4.alive.%b%tcp://h:1,tcp://i:1",
		"default.ActiveMQ-4.alive.%b%tcp://h:1/path",
		"default.ActiveMQ-4.alive.%b%tcp://user@h:1",
		"default.ActiveMQ-4.alive.%b%tcp://:::1",
		"default.ActiveMQ-4.alive.%b%tcp://<h>:1",
		"default.ActiveMQ-4.alive.%b%tcp://h%25i:1",
		"default.ActiveMQ-4.alive.%b%failover:(tcp://h:1)",
		"default.ActiveMQ-4.alive.%b%static:(tcp://h:1)",
		"default.ActiveMQ-4.alive.%b%vm://h:1?brokerConfig=xbean:http://evil/x.xml",
		"default.ActiveMQ-4.alive.%b%http://h:1",
		"default.ActiveMQ-4.alive.%b%tcp://h:1\n",
		"default.ActiveMQ-4.alive.%b\xff%tcp://h:1",
		"default.ActiveMQ-4.alive.%b%tcp://h:1?x=" + strings.Repeat("a", longestService),
		"default.ActiveMQ-4.alive.%" + strings.Repeat("b", longestName+1) + "%tcp://h:1",
		"default.ActiveMQ-4.alive.%b%tcp://h:1" + strings.Repeat(" ", longestPacket),
	} {
		_, ok := decode("default", []byte(datagram))
		require.False(t, ok, "%.100q", datagram)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("default.ActiveMQ-4.alive.%localhost%tcp://h:61616"))
	f.Add([]byte("default.ActiveMQ-4.dead.%%tcp://[::1]:1"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		p, ok := decode("default", datagram)
		if !ok {
			return
		}
		if len(p.service) > longestService || len(p.broker) > longestName {
			t.Fatal("unbounded")
		}
		if again, ok := decode("default", p.encode("default")); !ok || again.service != p.service || again.dead != p.dead {
			t.Fatalf("%q comes back as %+v", datagram, again)
		}
		if _, err := Parse("static:(" + p.service + ")"); err != nil {
			t.Fatalf("what a packet announces is no address: %v", err)
		}
	})
}
