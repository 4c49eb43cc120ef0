//go:build jms

package jms

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// pair is a master and a slave on one directory.
type pair struct {
	t               *testing.T
	master, standby *harness.Broker
}

// newPair starts a pair; kinds are what master and slave run, or nothing for
// the lab's.
func newPair(t *testing.T, kinds ...harness.Kind) *pair {
	p := &pair{t: t}
	dir := filepath.Join(t.TempDir(), "kahadb")
	for i, b := range []**harness.Broker{&p.master, &p.standby} {
		o := harness.Options{Name: string(rune('a' + i)), Directory: dir, LockAcquireSleepInterval: 200 * time.Millisecond}
		if len(kinds) > 0 {
			o.Kind = kinds[i]
		}
		*b = lab.NewBroker(t, o)
	}
	require.NoError(t, p.master.StartServing(startLimit))
	require.NoError(t, p.standby.Start())
	require.NoError(t, p.standby.WaitSlave(startLimit))
	return p
}

func (p *pair) url() string {
	return "failover:(" + p.master.URL() + "," + p.standby.URL() + ")?randomize=false&initialReconnectDelay=20&maxReconnectDelay=200"
}

// kill ends the master with SIGKILL; it comes back as the slave.
func (p *pair) kill() {
	require.NoError(p.t, p.master.Kill())
	require.NoError(p.t, p.standby.WaitServing(startLimit))
	p.master, p.standby = p.standby, p.master
	require.NoError(p.t, p.standby.Start())
}

// TestXAKilled: branches that are prepared outlive kill -9 of their master,
// whichever of the two brokers it was.
func TestXAKilled(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][]harness.Kind{
		{harness.Conclave, harness.Conclave},
		{harness.Conclave, harness.ActiveMQ},
		{harness.ActiveMQ, harness.Conclave},
	} {
		t.Run(string(kinds[0])+" to "+string(kinds[1]), func(t *testing.T) {
			p := newPair(t, kinds...)
			ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
			defer cancel()
			program, err := lab.Java.Start(ctx, "XAKill", p.url())
			require.NoError(t, err)
			done := false
			for line := range program.Lines {
				switch word, _, _ := strings.Cut(line, " "); word {
				case "PREPARED":
					p.kill()
					require.NoError(t, program.Tell("go on"))
				case "BAD":
					if !excused(kinds, line) {
						t.Error(line)
					}
				case "DONE":
					done = true
				default:
					t.Log(line)
				}
			}
			require.NoError(t, program.Wait(), program.Stderr())
			require.True(t, done)
		})
	}
}

// excused reports what is ActiveMQ's doing. As the heir it makes dead letters
// of what rolled back branches give back to a client that has had it; as the
// first master it takes the client's acknowledgement, which begins with the
// first message of all open branches, for all of them, so that a branch of a
// durable subscriber consumes what the ones before it may roll back. In a
// database it has room for the mark of one branch alone, so that the last one
// takes the messages of all others.
func excused(kinds []harness.Kind, line string) bool {
	return kinds[1] == harness.ActiveMQ && strings.Contains(line, "left") ||
		kinds[0] == harness.ActiveMQ && *storeFlag == "postgres" && strings.Contains(line, "left in the queue") ||
		kinds[0] == harness.ActiveMQ && strings.Contains(line, "left for the subscriber")
}

// TestDurableKilled: no durable subscriber misses anything when masters are
// killed, and what comes twice is flagged.
func TestDurableKilled(t *testing.T) {
	t.Parallel()
	const messages, kills = 3000, 3
	p := newPair(t)
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	program, err := lab.Java.Start(ctx, "DurableKill", p.url(), "3000")
	require.NoError(t, err)
	sent, killed, accounts := 0, 0, 0
	for text := range program.Lines {
		switch line := harness.ParseLine(text); line.Word {
		case "PROGRESS":
			if sent++; killed < kills && sent > (killed+1)*messages/(kills+1) {
				p.kill()
				killed++
			}
		case "LEDGER":
			t.Log(text)
			accounts++
			for _, fault := range []string{"missing", "unflagged", "alien"} {
				require.Zero(t, line.Int(fault), text)
			}
		default:
			t.Log(text)
		}
	}
	require.NoError(t, program.Wait(), program.Stderr())
	require.Equal(t, 3, accounts)
	require.Equal(t, kills, killed)
}

// TestPipeKilled: what is consumed and what is sent for it in one transaction
// happens once, whenever the master is killed.
func TestPipeKilled(t *testing.T) {
	t.Parallel()
	const messages, kills = 4000, 5
	p := newPair(t)
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	program, err := lab.Java.Start(ctx, "PipeKill", p.url(), fmt.Sprint(messages))
	require.NoError(t, err)
	done, killed, account := 0, 0, harness.Line{}
	for text := range program.Lines {
		switch line := harness.ParseLine(text); line.Word {
		case "PROGRESS":
			if done++; killed < kills && done > (killed+1)*messages/10/(kills+1) {
				p.kill()
				killed++
			}
		case "LEDGER":
			account = line
			t.Log(text)
		case "BAD":
			t.Error(text)
		default:
			t.Log(text)
		}
	}
	require.NoError(t, program.Wait(), program.Stderr())
	require.Equal(t, kills, killed)
	for _, fault := range []string{"missing", "twice", "left"} {
		require.Zero(t, account.Int(fault), fault)
	}
}

// TestFailoverInTransaction: local transactions that are open while their
// master is killed.
func TestFailoverInTransaction(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	program, err := lab.Java.Start(ctx, "FailoverKill", p.url())
	require.NoError(t, err)
	done := false
	for line := range program.Lines {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "KILL":
			p.kill()
			require.NoError(t, program.Tell("go on"))
		case "BAD":
			t.Error(line)
		case "DONE":
			done = true
		default:
			t.Log(line)
		}
	}
	require.NoError(t, program.Wait(), program.Stderr())
	require.True(t, done)
}
