package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// smallJournal leaves a journal with a few messages for queue://A.
func smallJournal(t *testing.T) string {
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Directory: dir, Log: slog.New(slog.DiscardHandler), NoPreallocation: true})
	require.NoError(t, err)
	for i := range int64(5) {
		producer := message.ProducerID{Connection: "ID:c", Session: 1, Value: 1}
		m := &message.Message{Body: message.Text, Persistent: true, Destination: message.NewQueue("A"), Producer: producer,
			ID: message.MessageID{Producer: producer, ProducerSequence: i + 1}, Content: []byte("\x00\x00\x00\x02hi")}
		done := make(chan error, 1)
		j.Append(store.Single(store.Op{Action: store.Add, Destination: m.Destination, Message: m}, true, func(err error) { done <- err }))
		require.NoError(t, <-done)
	}
	require.NoError(t, j.Close())
	return dir
}

func TestJournalCommands(t *testing.T) {
	dir := smallJournal(t)
	for _, args := range [][]string{
		{"verify"}, {"verify", "--json"}, {"dump"}, {"dump", "--body", "--json"}, {"stats"}, {"stats", "--json"}, {"repair"},
		{"extract", "--destination", "A"}, {"extract", "--destination", "A", "--to", filepath.Join(t.TempDir(), "lines")},
		{"extract", "--destination", "A", "--out", filepath.Join(t.TempDir(), "files")},
	} {
		out, code := run(t, append([]string{"journal", args[0], dir}, args[1:]...)...)
		require.Zero(t, code, "%v: %s", args, out)
	}
	out, _ := run(t, "journal", "dump", dir, "--type", "add", "--from", "db-1.log:0", "--body")
	require.Contains(t, out, `destination="queue://A" id="ID:c:1:1:1"`)
	require.Contains(t, out, `"hi"`)

	name := filepath.Join(dir, "db-1.log")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(name, text, 0o644))
	for args, want := range map[string]int{"verify": exitFailure, "repair": exitFailure, "stats": 0, "dump": 0} {
		out, code := run(t, "journal", args, dir)
		require.Equal(t, want, code, "%s: %s", args, out)
	}
	out, code := run(t, "journal", "repair", dir, "--write")
	require.Zero(t, code, out)
	require.Contains(t, out, "repaired")
	out, code = run(t, "journal", "verify", dir)
	require.Zero(t, code, out)
}

func TestJournalCommandsUsage(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"journal", "verify"}, {"journal", "verify", filepath.Join(dir, "none")}, {"journal", "dump", dir, "--type", "x"},
		{"journal", "dump", dir, "--from", "x:y"}, {"journal", "extract", dir}, {"backup"}, {"backup", "--rate", "fast", dir},
	} {
		out, code := run(t, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, out)
	}
}
