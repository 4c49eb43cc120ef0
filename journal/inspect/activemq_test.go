package inspect

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
)

// unpack extracts a directory that ActiveMQ 5.17.2 has written.
func unpack(t testing.TB, name string) string {
	f, err := os.Open(filepath.Join("..", "testdata", name+".tar.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	root := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return filepath.Join(root, name)
		}
		require.NoError(t, err)
		path := filepath.Join(root, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
}

// waiting is what ActiveMQ itself found in a directory: messages by queue, and
// by topic and client.
func waiting(t *testing.T, name string) map[string]int {
	f, err := os.Open(filepath.Join("..", "testdata", name+".txt"))
	require.NoError(t, err)
	defer f.Close()
	count := map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		part := strings.Split(s.Text(), "|")
		switch part[0] {
		case "queue":
			count["queue://"+part[1]]++
		case "topic":
			count["topic://"+part[1]+" "+part[2]]++
		}
	}
	return count
}

// TestDirectoriesOfActiveMQ: the tools say of ActiveMQ's own directories what
// ActiveMQ says, and change nothing.
func TestDirectoriesOfActiveMQ(t *testing.T) {
	for _, name := range []string{"clean", "crash"} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, name)
			before := snapshot(t, dir)
			v, err := Verify(vfs.Quiet{}, dir)
			require.NoError(t, err)
			require.False(t, v.Damaged)
			for _, f := range v.Findings {
				require.Equal(t, Note, f.Severity, f.String())
			}
			s, err := Measure(vfs.Quiet{}, dir)
			require.NoError(t, err)
			got := map[string]int{}
			for _, d := range s.Destinations {
				if strings.HasPrefix(d.Destination, "queue://") && d.Messages > 0 {
					got[d.Destination] = d.Messages
				}
				for _, sub := range d.Subscriptions {
					if sub.Pending > 0 {
						got[d.Destination+" "+sub.ClientID] = sub.Pending
					}
				}
			}
			for _, p := range s.Prepared { // ActiveMQ does not show what a branch has taken
				got["queue://XA"] -= p.Removals
			}
			require.Equal(t, waiting(t, name), got)
			types := map[string]int{}
			require.NoError(t, Dump(vfs.Quiet{}, dir, DumpOptions{Body: true}, func(l *Line) error {
				require.Empty(t, l.Error)
				types[l.Type]++
				return nil
			}))
			require.Positive(t, types["trace"])
			require.Positive(t, types["subscription"])
			_, err = Extract(vfs.Quiet{}, dir, ExtractOptions{Destination: "BODIES", Damaged: true}, func(m *message.Message, _ Origin) error {
				require.NotNil(t, MessageOf(m, true))
				return nil
			})
			require.NoError(t, err)
			p, err := NewPlan(vfs.Quiet{}, dir)
			require.NoError(t, err)
			require.True(t, p.Empty())
			require.Equal(t, before, snapshot(t, dir))
		})
	}
}

// snapshot is all that is in a directory.
func snapshot(t *testing.T, dir string) map[string]string {
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	content := map[string]string{}
	for _, n := range names {
		text, err := os.ReadFile(filepath.Join(dir, n.Name()))
		require.NoError(t, err)
		content[n.Name()] = string(text)
	}
	return content
}
