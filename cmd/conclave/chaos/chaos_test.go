package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client/ledger"
)

func valid(t *testing.T) Options {
	return Options{Directory: t.TempDir(), Duration: time.Second, Interval: time.Second, Bytes: 1 << 20, Size: 1024,
		Producers: 1, Consumers: 1, Faults: FaultNames(), Log: slog.New(slog.DiscardHandler)}
}

func TestOptionsAreChecked(t *testing.T) {
	o := valid(t)
	require.NoError(t, o.check())
	for want, spoil := range map[string]func(*Options){
		"no such file":           func(o *Options) { o.Directory += "/missing" },
		"must be positive":       func(o *Options) { o.Duration = 0 },
		"message size 3":         func(o *Options) { o.Size = 3 },
		"hold no message":        func(o *Options) { o.Bytes = 10 },
		"1 to 64 of each":        func(o *Options) { o.Consumers = 65 },
		"no faults":              func(o *Options) { o.Faults = nil },
		`fault "fire" is not`:    func(o *Options) { o.Faults = []string{"fire"} },
		"kill, stop, switchover": func(o *Options) { o.Faults = []string{"fire"} },
	} {
		o := valid(t)
		spoil(&o)
		_, err := Run(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

func TestGaps(t *testing.T) {
	var g gaps
	start := time.Unix(1000, 0)
	g.served(start)
	g.served(start.Add(time.Second))
	g.begin()
	g.served(start.Add(1100 * time.Millisecond))
	g.served(start.Add(1300 * time.Millisecond))
	served, longest := g.since(start.Add(1200 * time.Millisecond))
	require.True(t, served)
	require.Equal(t, 200*time.Millisecond, longest)
	served, _ = g.since(start.Add(1300 * time.Millisecond))
	require.False(t, served)
}

func TestReport(t *testing.T) {
	r := &Report{Directory: "/d", Seed: 7, Sent: 3, Acknowledged: 3, Received: 2, Faults: ledger.Faults{Lost: 1},
		Problem: errors.New("1 acknowledged entries are lost"), Kept: []string{"/d/x"}}
	r.add("kill", 3*time.Millisecond)
	r.add("kill", time.Millisecond)
	r.add("kill", 2*time.Millisecond)
	var b bytes.Buffer
	r.Print(&b)
	require.Contains(t, b.String(), "lost         1\n")
	require.Contains(t, b.String(), "kill         3 times; without service: median 2 ms, worst 3 ms")
	require.Contains(t, b.String(), "verdict      FAILED")
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(text), `"withoutService":[{"fault":"kill","times":3,"medianMS":2,"worstMS":3}],"ok":false`)
}
