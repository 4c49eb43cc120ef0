package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gate is a writer that hangs until it is opened.
type gate struct {
	open chan struct{}
	text bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.text.Write(b)
}

func TestLogNeverBlocks(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w := newLogWriter(g)
	const lines = maxLogLines + 100
	for i := range lines {
		n, err := fmt.Fprintf(w, "line %d\n", i)
		require.NoError(t, err)
		require.Positive(t, n)
	}
	begun := time.Now()
	w.flush()
	require.Less(t, time.Since(begun), 5*time.Second, "not even at the end")

	close(g.open)
	w.flush()
	fmt.Fprintln(w, strings.Repeat("x", 2*maxLogLine))
	w.flush()
	text := g.text.String()
	require.True(t, strings.HasPrefix(text, "line 0\nline 1\n"))
	require.Contains(t, text, " log lines were dropped: standard error is too slow\nxxx")
	require.Less(t, len(text), lines*12+2*maxLogLine)
}
