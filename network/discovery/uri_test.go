package discovery

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseServices(t *testing.T) {
	for _, c := range []struct {
		text     string
		services []string
	}{
		{"static:(tcp://a:1)", []string{"tcp://a:1"}},
		{"static:(tcp://[fe80::1%25eth0]:1)", []string{"tcp://[fe80::1%25eth0]:1"}},
		{"static:(tcp:// 0.0.0.0:61617)", []string{"tcp://0.0.0.0:61617"}},
		{" static : ( tcp://a:1 ,\n tcp://b:2 ) ", []string{"tcp://a:1", "tcp://b:2"}},
		{"static://(tcp://a:1,nio://b:2)", []string{"tcp://a:1", "nio://b:2"}},
		{"simple:(tcp://a:1)", []string{"tcp://a:1"}},
		{"static:tcp://a:1", []string{"tcp://a:1"}},
		{"static:(tcp://a:1?x=1,failover:(tcp://b:2,tcp://c:3)?randomize=false)", []string{"tcp://a:1?x=1", "failover:(tcp://b:2,tcp://c:3)?randomize=false"}},
		{"masterslave:(tcp://0.0.0.0:61617,tcp:// 0.0.0.0:61618)", []string{"failover:(tcp://0.0.0.0:61617,tcp://0.0.0.0:61618)?randomize=false&maxReconnectAttempts=0"}},
		{"masterslave:(tcp://a:1,tcp://b:2,tcp://c:3)?minConnectTime=1", []string{"failover:(tcp://a:1,tcp://b:2,tcp://c:3)?randomize=false&maxReconnectAttempts=0"}},
		{"static:(tcp://a:1,tcp://b:2?y=3&x=2)?discovered.x=1", []string{"tcp://a:1?x=1", "tcp://b:2?y=3&x=1"}},
		{"masterslave:(tcp://a:1,tcp://b:2)?discovered.randomize=true", []string{"failover:(tcp://a:1,tcp://b:2)?maxReconnectAttempts=0&randomize=true"}},
	} {
		u, err := Parse(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.services, u.Services, c.text)
		require.Equal(t, c.text, u.String())
	}
}

func TestParseOptions(t *testing.T) {
	u, err := Parse("static:(tcp://a:1)")
	require.NoError(t, err)
	require.Equal(t, backOff{initial: time.Second, max: 30 * time.Second, multiplier: 2, exponential: true, minConnect: 5 * time.Second}, u.backOff)
	u, err = Parse("static:(tcp://a:1)?initialReconnectDelay=1&maxReconnectDelay=2&backOffMultiplier=3&useExponentialBackOff=FALSE&maxReconnectAttempts=4&minConnectTime=5")
	require.NoError(t, err)
	require.Equal(t, backOff{initial: time.Millisecond, max: 2 * time.Millisecond, multiplier: 3, attempts: 4, minConnect: 5 * time.Millisecond}, u.backOff)
	u, err = Parse("multicast://default")
	require.NoError(t, err)
	require.Equal(t, backOff{initial: 5 * time.Second, max: 30 * time.Second, multiplier: 2}, u.backOff)
	require.Equal(t, "239.255.2.3:6155", u.group.address.String())
	require.Equal(t, 500*time.Millisecond, u.group.keepAlive)
	require.Equal(t, "default", u.group.name)
	require.Equal(t, 1, u.group.ttl)
	u, err = Parse("multicast://224.1.2.3:6255?group=g&keepAliveInterval=100&timeToLive=3&loopBackMode=true&interface=1.2.3.4&networkInterface=a&joinNetworkInterface=b&useExponentialBackOff=true&discovered.x=1")
	require.NoError(t, err)
	require.Equal(t, "224.1.2.3:6255", u.group.address.String())
	require.Equal(t, groupOptions{address: u.group.address, name: "g", keepAlive: 100 * time.Millisecond, ttl: 3, noLoop: true, source: "1.2.3.4", network: "a", join: "b"}, u.group)
	require.True(t, u.backOff.exponential)
	require.Equal(t, "tcp://h:1?x=1", u.completed("tcp://h:1"))
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		kind error
		says string
	}{
		{"", ErrScheme, `""`},
		{"tcp://a:1", ErrScheme, "write static:(tcp://a:1)"},
		{"failover:(tcp://a:1)", ErrScheme, "static:(failover:"},
		{"zeroconf:_activemq", ErrScheme, "multicast"},
		{"http://a/registry", ErrScheme, "registry"},
		{"ldap://a", ErrScheme, "directory"},
		{"vm://a", ErrScheme, "no way to find brokers"},
		{"wibble:(tcp://a:1)", ErrScheme, "wibble"},
		{"static:()", ErrURI, "no broker"},
		{"static:(tcp://a:1", ErrURI, "not closed"},
		{"static:(tcp://a:1))", ErrURI, "follows"},
		{"static:(tcp://a:1)x", ErrURI, "follows"},
		{"static:tcp://a:1)", ErrURI, "not opened"},
		{"static:(a:1)", ErrURI, "a"},
		{"static:(host)", ErrURI, "tcp://host"},
		{"static:(tcp://a)", ErrURI, "port"},
		{"static:(tcp://:1)", ErrURI, "host"},
		{"static:(tcp://a:0)", ErrURI, "port"},
		{"static:(tcp://a:99999999)", ErrURI, "port"},
		{"static:(tcp://a:65536)", ErrURI, "port"},
		{"static:(tcp://:::1)", ErrURI, "no name of a host"},
		{"static:(tcp://a:b:1)", ErrURI, "no name of a host"},
		{"static:(tcp://a%25b:1)", ErrURI, "no name of a host"},
		{"static:(failover:(tcp://<a>:1))", ErrURI, "no name of a host"},
		{"masterslave:(tcp://a:1,tcp://[fe80::1%25a;b]:1)", ErrURI, "no name of a host"},
		{"static:(tcp://u:p@a:1)", ErrURI, "only scheme"},
		{"static:(vm://a:1)", ErrScheme, "vm"},
		{"static:(failover:())", ErrURI, "names no broker"},
		{"static:(failover:(vm://x:1))", ErrScheme, "vm"},
		{"static:(masterslave:(tcp://a:1,tcp://b:1))", ErrScheme, "masterslave"},
		{"masterslave:(tcp://a:1)", ErrURI, "Expecting at least 2 arguments"},
		{"masterslave:(failover:(tcp://a:1),tcp://b:1)", ErrScheme, "failover"},
		{"static:(tcp://a:1)?wibble=1", ErrOption, "wibble"},
		{"static:(tcp://a:1)?group=x", ErrOption, "known are backOffMultiplier"},
		{"static:(tcp://a:1)?minConnectTime=soon", ErrOption, "minConnectTime"},
		{"static:(tcp://a:1)?minConnectTime=-1", ErrOption, "minConnectTime"},
		{"static:(tcp://a:1)?backOffMultiplier=0", ErrOption, "backOffMultiplier"},
		{"static:(tcp://a:1)?useExponentialBackOff=maybe", ErrOption, "neither"},
		{"static:(tcp://a:1)?discovered.=1", ErrOption, "discovered."},
		{"multicast://", ErrURI, "no group"},
		{"multicast:default", ErrURI, "multicast://default"},
		{"multicast://10.0.0.1", ErrURI, "multicast group"},
		{"multicast://[ff02::1]:1", ErrURI, "IPv4"},
		{"multicast://default:0", ErrURI, "port"},
		{"multicast://default?minConnectTime=1", ErrOption, "minConnectTime"},
		{"multicast://default?group=", ErrOption, "group"},
		{"multicast://default?timeToLive=256", ErrOption, "timeToLive"},
		{"multicast://default?keepAliveInterval=1", ErrOption, "keepAliveInterval"},
		{"static:(" + strings.Repeat("tcp://a:1,", 10_000) + ")", ErrURI, "longer"},
		{"static:(" + strings.Repeat("tcp://a:1,", 1001) + ")", ErrURI, "more than"},
	} {
		_, err := Parse(c.text)
		require.ErrorIs(t, err, c.kind, c.text)
		require.ErrorContains(t, err, c.says, c.text)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"static:(tcp://a:1,failover:(tcp://b:1))?x=1", "masterslave:(tcp://a:1,tcp://b:1)", "multicast://default?group=x", "static:((", "static:tcp://a:1?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse(text)
		if err != nil {
			return
		}
		if u.Scheme != Multicast && len(u.Services) == 0 {
			t.Fatal("no services")
		}
		again, err := Parse(withoutBlanks(text))
		if err != nil {
			t.Fatalf("blanks count: %v", err)
		}
		require.Equal(t, u.Services, again.Services)
	})
}
