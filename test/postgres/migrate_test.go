//go:build postgres

package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// move is a migration between two stores: a command to be killed.
type move struct{ from, to string }

func (m move) command(ctx context.Context) *exec.Cmd {
	return exec.CommandContext(ctx, lab.Binary, "migrate", "-q", "--from", m.from, "--to", m.to)
}

// finish runs it to its end and returns what it prints.
func (m move) finish(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	out, err := m.command(ctx).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// killed runs it until a moment and reports whether that came too late.
func (m move) killed(t *testing.T, after time.Duration) (ended bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	out, err := m.command(ctx).CombinedOutput()
	if ctx.Err() == nil {
		require.NoError(t, err, string(out))
	}
	return err == nil
}

// killedAgainAndAgain has the command killed at random moments of the time
// that it takes, and then lets it finish.
func (m move) killedAgainAndAgain(t *testing.T, kills int) string {
	t.Helper()
	random, most, killed := random(t), 400*time.Millisecond, 0
	for ; killed < kills; killed++ {
		if m.killed(t, most/4+time.Duration(random.Int64N(int64(most)))) {
			break
		}
		most += most / 3
	}
	t.Logf("killed %d times, at last after at most %v", killed, most)
	return m.finish(t)
}

// bulk is what makes a migration last.
const bulk = 20_000

func fillBulk(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := load.Producers{
		Target:      load.Target{URL: url, Separate: true, Parallel: 2},
		Destination: message.NewQueue("BULK"),
		Count:       bulk / 2,
		NoAnswer:    true,
		Message:     load.Stamped(2, 500),
	}
	require.NoError(t, p.Run(ctx, load.NewMeter(2)))
}

// TestMigrateThereAndBack follows one set of messages: ActiveMQ writes a
// KahaDB directory, which goes to a database, is served there by Conclave and
// killed, and goes back to a directory that ActiveMQ drains. Every migration
// is killed on its way.
func TestMigrateThereAndBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second, state := filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "state")
	url := shared.URL(newDatabase(t, shared, ""))
	java := func(n *harness.Broker, class string, args ...string) *harness.Program {
		p, err := lab.Java.Start(t.Context(), class, append([]string{"url=" + n.URL(), "state=" + state, "seed=1"}, args...)...)
		require.NoError(t, err)
		return p
	}
	wait := func(p *harness.Program, ready func()) {
		for line := range p.Lines {
			t.Log(line)
			if strings.HasPrefix(line, "READY") {
				ready()
				require.NoError(t, p.Tell(""))
			}
		}
		require.NoError(t, p.Wait())
	}

	amq := newNode(t, harness.Options{Kind: harness.ActiveMQ, Name: "old", Directory: first, JVM: jvm})
	require.NoError(t, amq.StartServing(patience))
	wait(java(amq, "Branch", "number=1", "do=prepare"), nil)
	fillBulk(t, amq.URL())
	wait(java(amq, "Directory", "do=round"), func() { require.NoError(t, amq.Kill()) })

	there := move{"kahadb:" + first, "postgres:" + url}
	t.Log(there.killedAgainAndAgain(t, 6))
	ours := newNode(t, harness.Options{Name: "new", JDBC: &harness.JDBC{URL: url}})
	require.NoError(t, ours.StartServing(patience))
	refused(t, there, "is in use")
	wait(java(ours, "Directory", "do=round"), func() { require.NoError(t, ours.Kill()) })

	back := move{"postgres:" + url, "kahadb:" + second}
	out := back.killedAgainAndAgain(t, 6)
	require.Contains(t, out, fmt.Sprintf("queue://BULK: %d messages", bulk))
	require.Contains(t, out, "1 prepared branches")
	require.Contains(t, back.finish(t), "1 prepared branches", "done already")
	amq = newNode(t, harness.Options{Kind: harness.ActiveMQ, Name: "back", Directory: second, JVM: jvm})
	require.NoError(t, amq.StartServing(patience))
	wait(java(amq, "Branch", "number=1", "do=commit"), nil)
	wait(java(amq, "Directory", "do=drain"), nil)
	require.NoError(t, amq.Stop(patience))
}

// refused requires the command to fail and to say why.
func refused(t *testing.T, m move, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := m.command(ctx).CombinedOutput()
	require.Error(t, err, string(out))
	require.Contains(t, string(out), why)
}

// TestMigrateRefuses: a master on either side, a target with something else in
// it, and what needs no migration.
func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kahadb")
	database := newDatabase(t, shared, "")
	url := shared.URL(database)
	ours := newNode(t, harness.Options{Name: "a", Directory: dir})
	require.NoError(t, ours.StartServing(patience))
	refused(t, move{"kahadb:" + dir, "postgres:" + url}, "is in use")
	fillBulk(t, ours.URL())
	require.NoError(t, ours.Stop(patience))

	amq := mixedNode(t, harness.ActiveMQ, "amq", url)
	require.NoError(t, amq.StartServing(patience))
	refused(t, move{"kahadb:" + dir, "postgres:" + url}, "is in use")
	conn, err := client.Dial(t.Context(), amq.URL(), client.Options{})
	require.NoError(t, err)
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	p, err := s.Producer(t.Context(), message.NewQueue("OTHER"), client.ProducerOptions{})
	require.NoError(t, err)
	require.NoError(t, p.Send(t.Context(), &message.Message{Body: message.Text, Content: []byte{0, 0, 0, 1, 'x'}}))
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, amq.Kill())

	refused(t, move{"kahadb:" + dir, "postgres:" + url}, "not empty")
	refused(t, move{"postgres:" + url, "postgres:" + url}, "needs no migration")
	refused(t, move{"kahadb:" + dir, "postgres:" + shared.URL("nosuch")}, "nosuch")
	refused(t, move{"kahadb:" + filepath.Join(dir, "nosuch"), "postgres:" + url}, "no such file")
	_, err = os.Stat(filepath.Join(dir, "nosuch"))
	require.ErrorIs(t, err, os.ErrNotExist, "a source is not made")
	count, err := shared.Query(database, "SELECT count(*) FROM activemq_msgs")
	require.NoError(t, err)
	require.Equal(t, "1", count, "a refused migration has written")
}
