package network

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPropertiesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfiguration()
		c.Duplex = rapid.Bool().Draw(t, "duplex")
		c.Name = rapid.StringMatching(`[ -~äß\t\\:=#!]{1,20}`).Draw(t, "name")
		c.ClientIDToken = rapid.StringMatching(`[ -~]{1,5}`).Draw(t, "token")
		c.PrefetchSize = rapid.IntRange(1, mostPrefetch).Draw(t, "prefetch")
		c.MessageTTL = rapid.IntRange(-1, 100).Draw(t, "ttl")
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			c.ExcludedDestinations = append(c.ExcludedDestinations, ParseRule(rapid.StringMatching(`(queue|topic)://[A-Z.>*]{1,9}`).Draw(t, "rule")))
		}
		got, err := decodeProperties(c.encodeProperties())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".BrokerName" }, cmp.Ignore())); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What ActiveMQ 5.17.2 sends, shortened.
const fromActiveMQ = "#\n#Sat Nov 21 18:00:00 UTC 2026\n" +
	"dispatchAsync=true\nmessageTTL=2\nduplex=true\nname=NC\nclientIdToken=_\nprefetchSize=1000\n" +
	"dynamicallyIncludedDestinations=[queue\\://A.>, topic\\://B?forceDurable\\=true]\n" +
	"class=class org.apache.activemq.network.DiscoveryNetworkConnector\nbrokerName=front\nconsumerTTL=1\n"

func TestPropertiesOfActiveMQ(t *testing.T) {
	c, err := decodeProperties(fromActiveMQ)
	require.NoError(t, err)
	want := DefaultConfiguration()
	want.MessageTTL, want.Duplex = 2, true
	want.DynamicallyIncludedDestinations = []Rule{ParseRule("queue://A.>"), ParseRule("topic://B?forceDurable=true")}
	require.Equal(t, want, c)
}

func TestPropertiesThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"prefetchSize=0", "prefetchSize=x", "messageTTL=99999999", "duplex=maybe", "excludedDestinations=A"} {
		_, err := decodeProperties(text)
		require.Error(t, err, text)
	}
}

func FuzzDecodeProperties(f *testing.F) {
	f.Add(fromActiveMQ)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := decodeProperties(text)
		if err == nil {
			_, err = decodeProperties(c.encodeProperties())
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
