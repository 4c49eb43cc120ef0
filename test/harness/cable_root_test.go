//go:build postgres || fault

package harness

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCable(t *testing.T) {
	c, err := LayCable()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	l, err := net.Listen("tcp", c.Near+":0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	reach := func() error {
		return command("ip netns exec " + c.Name + " timeout 1 bash -c >/dev/tcp/" + c.Near + "/" + port)
	}
	require.NoError(t, reach())
	require.NoError(t, c.Cut(l.Addr().(*net.TCPAddr).Port))
	start := time.Now()
	require.Error(t, reach())
	require.Greater(t, time.Since(start), 900*time.Millisecond, "nobody says no")
	require.NoError(t, c.Heal())
	require.NoError(t, reach())
}
