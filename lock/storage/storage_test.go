package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// The test binary is its own helper, of the directory in this variable.
const helperVariable = "CONCLAVE_STORAGE_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		if err := Serve(os.Args[len(os.Args)-1], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

func options(dir string) Options {
	return Options{Directory: dir, Helper: []string{"/usr/bin/env", helperVariable + "=1", "GORACE=atexit_sleep_ms=0", os.Args[0]},
		CallTime: 20 * time.Second, ViewTime: 5 * time.Second}
}

// checks are the names of a report's results, those of the other host marked.
func checks(r *Report) []string {
	var names []string
	for _, found := range r.Results {
		name := found.Check
		if found.Host != "" {
			name += "'"
		}
		names = append(names, name)
	}
	return names
}

var localChecks = []string{"exclusion", "aliasing", "release", "rename", "directory-sync", "visibility", "fallocate", "sync"}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	var said []Result
	o.Found = func(r Result) { said = append(said, r) }
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, append([]string{"mount", "space", "write"}, localChecks...), checks(report))
	require.NotEqual(t, Unsafe, report.Verdict, "%v", report.Results)
	require.Equal(t, report.Results, said, "each is told as it comes")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left behind")
}

func TestRunWithPeer(t *testing.T) {
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	type outcome struct {
		Verdict
		error
	}
	listened := make(chan outcome, 1)
	go func() {
		v, err := Listen(t.Context(), listener, options(dir), func(string) {})
		listened <- outcome{v, err}
	}()
	o := options(dir)
	o.Peer = listener.Addr().String()
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	want := append([]string{"mount", "space", "write", "peer-directory'"}, localChecks...)
	require.Equal(t, append(want, "mount'", "space'", "exclusion'", "release'", "rename'", "visibility'"), checks(report))
	require.Contains(t, report.Results[3].Reason, "they are one machine")
	require.Equal(t, Warn, report.Verdict, "%v", report.Results)
	require.Equal(t, outcome{Warn, nil}, <-listened, "both hosts end with the same verdict")
	require.NotEmpty(t, report.Peer)
}

func TestPeerWithAnotherDirectory(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	listened := make(chan error, 1)
	go func() {
		_, err := Listen(ctx, listener, options(t.TempDir()), func(string) {})
		listened <- err
	}()
	o := options(t.TempDir())
	o.Peer, o.ViewTime = listener.Addr().String(), 50*time.Millisecond
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "verdict: UNSAFE (peer-directory): do not run brokers on "+o.Directory, report.Summary())
	require.Contains(t, report.Results[len(report.Results)-1].Reason, "the other host does not look at this directory")
	cancel()
	require.ErrorIs(t, <-listened, context.Canceled)
}

// Whoever cannot write to the storage gets nothing done through the port.
func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	scratch := ".conclave-check-0123456789abcdef0123456789abcdef"
	require.NoError(t, os.Mkdir(filepath.Join(dir, "kahadb"), 0o755))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	said, listened := make(chan string, 64), make(chan error, 1)
	go func() {
		_, err := Listen(ctx, listener, options(dir), func(line string) { said <- line })
		listened <- err
	}()
	for _, line := range []string{
		"GET / HTTP/1.1\r\n\r\n", `{"op":"host"}`, `{"op":"inspect"}`, `{"op":"kill"}`, `{"op":"remove"}`,
		`{"op":"create","name":"` + scratch + `"}`, `{"op":"open","name":"x"}`, `{"op":"verdict","text":"FINE"}`, strings.Repeat("x", maxLine+1),
	} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		_, err = conn.Write([]byte(line + "\n"))
		require.NoError(t, err)
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		require.Error(t, err, "%.40q is answered by %q", line, b[:n])
		require.Contains(t, <-said, "checked from")
		require.Contains(t, <-said, "did not finish")
		conn.Close()
	}
	for _, name := range []string{scratch, "../" + scratch, "kahadb", "", "."} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		require.NoError(t, writeLine(conn, request{Op: opJoin, Name: name}))
		lines := newLines(conn)
		require.True(t, lines.Scan())
		var r reply
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		require.False(t, r.OK, "%q", name)
		conn.Close()
		require.Contains(t, <-said, "checked from")
		require.Contains(t, <-said, "did not finish")
	}
	cancel()
	require.ErrorIs(t, <-listened, context.Canceled)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestRunCannotBegin(t *testing.T) {
	_, err := Run(t.Context(), options("relative"))
	require.ErrorContains(t, err, "not absolute")
	_, err = Run(t.Context(), options(filepath.Join(t.TempDir(), "none")))
	require.ErrorIs(t, err, unix.ENOENT)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Run(t.Context(), options(file))
	require.ErrorIs(t, err, unix.ENOTDIR)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := options(t.TempDir())
	o.Peer = listener.Addr().String()
	listener.Close()
	_, err = Run(t.Context(), o)
	require.ErrorIs(t, err, ErrPeer)
	require.ErrorContains(t, err, "--listen :")

	ctx, cancel := context.WithCancel(t.Context())
	o = options(t.TempDir())
	o.Found = func(r Result) {
		if r.Check == CheckExclusion {
			cancel()
		}
	}
	_, err = Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(o.Directory)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// held locks a new file through a descriptor of its own.
func held(t testing.TB, kind string) string {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	if kind != "" {
		ok, err := tryLock(int(f.Fd()), kind, false)
		require.NoError(t, err)
		require.True(t, ok)
	}
	return path
}

func TestTestLock(t *testing.T) {
	path := held(t, kindBoth)
	r, err := TestLock(path)
	require.NoError(t, err)
	require.Equal(t, OK, r.Verdict)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	other, err := tryLock(int(f.Fd()), kindFlock, false)
	require.NoError(t, err)
	require.False(t, other, "the holder has its lock afterwards")

	// A lock that is not held looks like one that does not exclude.
	for kind, says := range map[string]string{"": "second OFD lock", kindFlock: "second OFD lock", kindOFD: "second flock"} {
		r, err := TestLock(held(t, kind))
		require.NoError(t, err)
		require.Equal(t, Unsafe, r.Verdict)
		require.Contains(t, r.Reason, says)
	}
	_, err = TestLock(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, unix.ENOENT)
}

func TestJudgeSync(t *testing.T) {
	of := func(d time.Duration) *times { return &times{Count: 100, Median: d, P99: 2 * d} }
	for _, row := range []struct {
		over, bulk time.Duration
		want       Verdict
		says       string
	}{
		{2 * time.Microsecond, time.Microsecond, Warn, "nothing is made durable"},
		{40 * time.Microsecond, 20 * time.Microsecond, Warn, "a sync does nothing, unless"},
		{40 * time.Microsecond, 5 * time.Millisecond, OK, "cannot be seen from here"},
		{5 * time.Millisecond, 90 * time.Millisecond, OK, "median 5ms, p99 10ms"},
		{200 * time.Millisecond, time.Second, Warn, "every confirmed message waits"},
	} {
		r := judgeSync(of(row.over), of(row.over), row.bulk)
		require.Equal(t, row.want, r.Verdict, "%v", r)
		require.Contains(t, r.Reason, row.says)
	}
}

func TestJudgeRename(t *testing.T) {
	c := &checker{Options: Options{ViewTime: 7 * time.Second}}
	for _, row := range []struct {
		seen  watched
		whole bool
		delay time.Duration
		want  Verdict
		says  string
	}{
		{watched{Reads: 9, Versions: 4}, true, 0, OK, "3 replacements of a file were whole in 9 reads"},
		{watched{Reads: 9, Again: 2}, true, 0, OK, "2 reads had to be repeated"},
		{watched{Reads: 9, Missing: 1}, true, 0, Unsafe, "no file (1 times)"},
		{watched{Reads: 9, Torn: 2, Back: 3}, true, 0, Unsafe, "a part of two versions (2 times), an older version after a newer one (3 times)"},
		{watched{Reads: 9}, false, 0, Unsafe, "did not see a file's replacement within 7s"},
		{watched{Reads: 9}, true, 6 * time.Second, Warn, "seen after 6s"},
	} {
		r := c.judgeRename(reply{OK: row.whole, Watched: &row.seen}, 3, row.delay)
		require.Equal(t, row.want, r.Verdict)
		require.Contains(t, r.Reason, row.says)
		require.Equal(t, r.Verdict != OK, r.Remedy != "")
	}
}

func TestReportText(t *testing.T) {
	r := &Report{Directory: "/d"}
	require.Equal(t, "verdict: OK: /d is fit for brokers", r.Summary())
	r.add(Result{Check: "mount", Verdict: Warn, Reason: "slow", Remedy: "buy"})
	require.Equal(t, "verdict: WARN (mount): /d can be used, with the limits above", r.Summary())
	r.add(Result{Check: "sync", Verdict: Unsafe, Host: "b"}, Result{Check: "sync", Verdict: Unsafe}, Result{Check: "x"})
	require.Equal(t, "verdict: UNSAFE (sync): do not run brokers on /d", r.Summary())
	require.Equal(t, "WARN    mount               slow. Remedy: buy", r.Results[0].String())
	require.Equal(t, "OK      x                   [b] fine", Result{Check: "x", Host: "b", Reason: "fine"}.String())
	b, err := json.Marshal(r.Results[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"check":"mount","verdict":"WARN","reason":"slow","remedy":"buy"}`, string(b))
}

// Whatever is asked of a helper, it stays in its scratch directory.
func FuzzServe(f *testing.F) {
	const scratch = ".conclave-check-0123456789abcdef0123456789abcdef"
	f.Add([]byte(`{"op":"open","name":"a"}` + "\n" + `{"op":"fill","size":8}` + "\n" + `{"op":"put","version":7}` + "\n" + `{"op":"lock","kind":"both"}`))
	f.Add([]byte(`{"op":"replace","name":"a","version":3,"count":2}` + "\n" + `{"op":"watch","name":"a","version":3}`))
	f.Add([]byte(`{"op":"open","name":"../x"}` + "\n" + `{"op":"create","name":"../../etc"}`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		dir := t.TempDir()
		for line := range strings.Lines(string(lines)) {
			var r request
			if json.Unmarshal([]byte(line), &r) == nil && (r.Limit > time.Millisecond || r.Size > 1<<16 || r.Count > 10 || r.Wait) {
				return // it would only take long
			}
		}
		input := `{"op":"create","name":"` + scratch + `"}` + "\n" + string(lines)
		_ = Serve(dir, strings.NewReader(input), new(strings.Builder)) // an error is an answer as well
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			require.Regexp(t, scratchPattern, e.Name())
		}
	})
}
