package openwire

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// golden is a frame that ActiveMQ's marshallers made, for a run of versions;
// see testdata/java/GoldenMaker.java.
type golden struct {
	name        string
	tight       bool
	cached      bool
	first, last int
	frame       []byte // with size prefix
}

func readGoldens(t testing.TB, file string) []golden {
	f, err := os.Open(filepath.Join("testdata", file))
	require.NoError(t, err)
	defer f.Close()
	var all []golden
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		col := strings.Fields(lines.Text())
		require.Len(t, col, 6)
		frame, err := hex.DecodeString(col[5])
		require.NoError(t, err)
		first, err := strconv.Atoi(col[3])
		require.NoError(t, err)
		last, err := strconv.Atoi(col[4])
		require.NoError(t, err)
		all = append(all, golden{col[0], col[1] == "tight", col[2] == "cached", first, last, frame})
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, all)
	return all
}

func goldenFormat(version int, tight, cached bool, size int) Format {
	return Format{Version: version, Tight: tight, Cache: cached, CacheSize: size, StackTrace: true}
}

// TestGolden decodes what ActiveMQ writes to the values that were written, and
// encodes them to the same bytes, every command in every version and encoding.
func TestGolden(t *testing.T) {
	all := readGoldens(t, "commands.golden")
	for version := MinVersion; version <= MaxVersion; version++ {
		for _, mode := range []struct{ tight, cached bool }{{}, {true, false}, {false, true}, {true, true}} {
			f := goldenFormat(version, mode.tight, mode.cached, 1024)
			t.Run(fmt.Sprintf("v%d/tight=%v/cached=%v", version, f.Tight, f.Cache), func(t *testing.T) {
				checkGoldens(t, all, f)
			})
		}
	}
}

func checkGoldens(t *testing.T, all []golden, f Format) {
	dec, enc := NewDecoder(f), NewEncoder(f)
	seen := 0
	for _, g := range all {
		if g.tight != f.Tight || g.cached != f.Cache || f.Version < g.first || f.Version > g.last {
			continue
		}
		seen++
		h, v, err := dec.Decode(g.frame[4:])
		require.NoError(t, err, g.name)
		wantHeader, want := expected(t, g.name, f.Version)
		require.Equal(t, wantHeader, h, g.name)
		require.Empty(t, cmp.Diff(want, v), g.name)
		b, err := enc.Append([]byte("before"), h, v)
		require.NoError(t, err, g.name)
		require.Equal(t, hex.EncodeToString(g.frame), hex.EncodeToString(b[len("before"):]), g.name)
	}
	require.Greater(t, seen, 50)
}

func TestGoldenEviction(t *testing.T) {
	all := readGoldens(t, "eviction.golden")
	for _, tight := range []bool{false, true} {
		f := goldenFormat(MaxVersion, tight, true, 140)
		dec, enc := NewDecoder(f), NewEncoder(f)
		for i, g := range all {
			if g.tight != tight {
				continue
			}
			h, v, err := dec.Decode(g.frame[4:])
			require.NoError(t, err, i)
			require.Empty(t, cmp.Diff(numberedProducer(t, g.name), v), i)
			b, err := enc.Append(nil, h, v)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(g.frame), hex.EncodeToString(b), i)
		}
	}
}

// TestGoldenExceptions covers what depends on the format beside the version:
// no trace, and a message that versions 1 and 10 cut.
func TestGoldenExceptions(t *testing.T) {
	for _, g := range readGoldens(t, "exceptions.golden") {
		length, err := strconv.Atoi(strings.TrimPrefix(g.name, "ExceptionResponse/"))
		require.NoError(t, err)
		sent := &ExceptionResponse{CorrelationID: 4712, Exception: &message.Throwable{
			Class: "java.io.IOException", Message: strings.Repeat("m", length),
			Cause: &message.Throwable{Class: "java.io.IOException", Message: "cause"},
		}}
		for version := g.first; version <= g.last; version++ {
			f := Format{Version: version, Tight: g.tight}
			b, err := NewEncoder(f).Append(nil, goldenHeader, sent)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(g.frame), hex.EncodeToString(b), "%s v%d", g.name, version)
			_, v, err := NewDecoder(f).Decode(g.frame[4:])
			require.NoError(t, err)
			got := v.(*ExceptionResponse).Exception
			require.Equal(t, "java.io.IOException", got.Class)
			require.Nil(t, got.Cause)
			require.LessOrEqual(t, len(got.Message), length)
		}
	}
}

func TestGoldenWireFormat(t *testing.T) {
	all := readGoldens(t, "wireformat.golden")
	dec, enc := NewDecoder(InitialFormat()), NewEncoder(InitialFormat())
	_, v, err := dec.Decode(all[0].frame[4:])
	require.NoError(t, err)
	want := DefaultWireFormatInfo()
	want.Host, want.ProviderName, want.ProviderVersion, want.PlatformDetails = "localhost", "ActiveMQ", "5.17.2", "Java"
	require.Empty(t, cmp.Diff(want, v))
	b, err := enc.Append(nil, Header{}, v)
	require.NoError(t, err)
	require.Equal(t, all[0].frame, b)

	_, v, err = dec.Decode(all[1].frame[4:])
	require.NoError(t, err)
	require.Nil(t, v)
	b, err = enc.Append(nil, Header{}, nil)
	require.NoError(t, err)
	require.Equal(t, all[1].frame, b)
}
