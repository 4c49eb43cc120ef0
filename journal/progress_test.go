package journal

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestProgress: nothing is said of a short replay, and of a long one a line
// every few seconds.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		o := &Options{Directory: "/j", Log: slog.New(slog.NewTextHandler(&out, nil))}
		p := newProgress(o, 1000<<20, func() int { return 7 })
		for range 100 {
			<-time.After(100 * time.Millisecond)
			p.add(10 << 20)
			if p.done == 190<<20 {
				require.Empty(t, out.String())
			}
		}
		require.Equal(t, 3, strings.Count(out.String(), "being replayed"))
		first, _, _ := strings.Cut(out.String(), "\n")
		require.Contains(t, first, "percent=20.0 bytes=209715200 ofBytes=1048576000 messages=7 MBperSecond=105 leftSeconds=8")
		(*progress)(nil).add(1)
	})
}
