package journal

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// unpack extracts a fixture and returns its directory.
func unpack(t testing.TB, name string) string {
	f, err := os.Open(filepath.Join("testdata", name+".tar.gz"))
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
		out, err := os.Create(path)
		require.NoError(t, err)
		_, err = io.Copy(out, r)
		require.NoError(t, err)
		require.NoError(t, out.Close())
	}
}

// ledger reads what ActiveMQ found: for each place the messages' identifiers
// and priorities, and the prepared branches and subscriptions.
func ledger(t *testing.T, name string) (messages map[string][]string, others []string) {
	f, err := os.Open(filepath.Join("testdata", name+".txt"))
	require.NoError(t, err)
	defer f.Close()
	messages = map[string][]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		part := strings.Split(s.Text(), "|")
		switch part[0] {
		case "queue":
			messages["queue://"+part[1]] = append(messages["queue://"+part[1]], part[2]+" "+part[3])
		case "topic":
			messages["topic://"+part[1]+" "+part[2]] = append(messages["topic://"+part[1]+" "+part[2]], part[3]+" "+part[4])
		default:
			others = append(others, s.Text())
		}
	}
	return messages, others
}

func identifiers(t *testing.T, entries []store.Entry, err error, taken map[store.Seq]bool) []string {
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		if taken[e.Seq] {
			continue
		}
		found = append(found, fmt.Sprintf("%s %d", e.Message.ID.String(), e.Message.Priority))
	}
	return found
}

// inventoryOf lists a journal as ledger does: without the messages that a
// prepared branch has taken, which a broker does not show.
func inventoryOf(t *testing.T, j *Journal, state *store.State) (messages map[string][]string, others []string) {
	messages = map[string][]string{}
	put := func(where string, found []string) {
		if len(found) > 0 {
			messages[where] = found
		}
	}
	taken := map[store.Seq]bool{}
	for _, p := range state.Prepared {
		for _, op := range p.Ops {
			taken[op.Seq] = op.Action == store.Remove
		}
		others = append(others, fmt.Sprintf("prepared|%d|%s", p.Transaction.XID.FormatID, p.Transaction.XID.Global))
	}
	for _, d := range state.Destinations {
		if d.Destination.Kind.IsQueue() {
			page, err := j.Page(nil, d.Destination, 0, 10_000, 1<<30)
			put(d.Destination.String(), identifiers(t, page, err, taken))
			require.Len(t, page, int(d.Messages))
		}
		for _, s := range d.Subscriptions {
			page, err := j.PageSubscription(nil, d.Destination, s.Info.Key(), 0, 10_000, 1<<30)
			put(d.Destination.String()+" "+s.Info.ClientID, identifiers(t, page, err, taken))
			require.Len(t, page, int(s.Pending))
			selector := s.Info.Selector
			if selector == "" {
				selector = "null"
			}
			others = append(others, fmt.Sprintf("subscription|%s|%s|%s|%t", s.Info.ClientID, s.Info.Name, selector, s.Info.NoLocal))
		}
	}
	return messages, others
}

// TestDirectoriesOfActiveMQ: a directory that ActiveMQ 5.17.2 left, stopped or
// killed, holds the same here as there, before and after our own restart.
func TestDirectoriesOfActiveMQ(t *testing.T) {
	for _, name := range []string{"clean", "crash"} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, name)
			want, wantOthers := ledger(t, name)
			for range 2 {
				j := mustOpen(t, testOptions(vfs.OS{}, dir))
				state := j.Recovered()
				got, others := inventoryOf(t, j, state)
				require.Empty(t, cmp.Diff(want, got))
				require.ElementsMatch(t, wantOthers, others)
				require.Empty(t, j.Damage())
				require.NoFileExists(t, filepath.Join(dir, "db.data"))
				require.NoError(t, j.Close())
			}
			checkBodies(t, dir)
			checkBranch(t, dir)
		})
	}
}

func checkBodies(t *testing.T, dir string) {
	j := mustOpen(t, testOptions(vfs.OS{}, dir))
	defer j.Close()
	page, err := j.Page(nil, message.NewQueue("BODIES"), 0, 100, 1<<30)
	require.NoError(t, err)
	var bodies []message.Body
	for _, e := range page {
		bodies = append(bodies, e.Message.Body)
		require.True(t, e.Message.Persistent)
	}
	require.Equal(t, []message.Body{message.Text, message.Bytes, message.Map, message.Stream, message.Object,
		message.Plain, message.Text, message.Text, message.Text, message.Text}, bodies)
	first := page[0].Message
	require.Equal(t, "correlation", first.CorrelationID)
	require.Equal(t, "type", first.Type)
	require.Equal(t, message.NewTopic("REPLIES"), first.ReplyTo)
	require.NotEmpty(t, first.Properties)
	require.Equal(t, "\x00\x00\x00\x0egr\xc3\xbc\xc3\x9fe \xed\xa0\xbd\xed\xb8\x80", string(first.Content))
	require.Equal(t, []byte{1, 2, 3, 0, 255}, page[1].Message.Content)
	require.Nil(t, page[6].Message.Content)
	require.Positive(t, page[8].Message.Expiration)
	require.True(t, page[9].Message.Compressed)
}

// checkBranch commits the prepared branch, which sends one message and takes
// another.
func checkBranch(t *testing.T, dir string) {
	j := mustOpen(t, testOptions(vfs.OS{}, dir))
	defer j.Close()
	queue := message.NewQueue("XA")
	before, err := j.Page(nil, queue, 0, 100, 1<<30)
	require.NoError(t, err)
	prepared := j.Recovered().Prepared
	require.Len(t, prepared, 1)
	require.Len(t, prepared[0].Ops, 2)
	require.Equal(t, before[0].Seq, prepared[0].Ops[1].Seq)
	done := make(chan error, 1)
	j.Append(&store.Unit{Transaction: prepared[0].Transaction, Outcome: store.Commit, Sync: true, Done: func(err error) { done <- err }})
	require.NoError(t, <-done)
	after, err := j.Page(nil, queue, 0, 100, 1<<30)
	require.NoError(t, err)
	require.Len(t, after, len(before))
	require.Equal(t, before[1].Seq, after[0].Seq)
	require.Equal(t, prepared[0].Ops[0].Message.ID, after[len(after)-1].Message.ID)
}

// TestCompactDirectoriesOfActiveMQ: what ActiveMQ has written holds the same
// when all of its files have been rewritten, also for who reads them anew.
func TestCompactDirectoriesOfActiveMQ(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join("testdata", "*.tar.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			dir := unpack(t, strings.TrimSuffix(filepath.Base(archive), ".tar.gz"))
			o := testOptions(vfs.OS{}, dir)
			j := mustOpen(t, o)
			messages, others := inventoryOf(t, j, j.Recovered())
			require.NoError(t, j.CompactAll())
			again, _ := inventoryOf(t, j, j.Recovered())
			require.Equal(t, messages, again)
			require.NoError(t, j.Close())
			for range 2 {
				j = mustOpen(t, o)
				again, still := inventoryOf(t, j, j.Recovered())
				require.Equal(t, messages, again)
				require.ElementsMatch(t, others, still)
				require.NoError(t, j.CompactAll())
				require.NoError(t, j.Close())
			}
		})
	}
}
