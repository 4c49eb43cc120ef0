package client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

func branchID(name string) message.XID { return message.XID{FormatID: 1, Global: name, Branch: "b"} }

func nextOperation(t *testing.T, p *peer, want openwire.TransactionOperation, xid message.XID) {
	t.Helper()
	got, _ := next[*openwire.TransactionInfo](t, p)
	require.Equal(t, want, got.Operation)
	require.Equal(t, message.TransactionID{XA: true, XID: xid}, got.Transaction)
}

func TestABranchOfADistributedTransaction(t *testing.T) {
	p := newPeer(func(p *peer, h heard) bool {
		info, is := h.cmd.(*openwire.TransactionInfo)
		switch {
		case is && info.Operation == openwire.Prepare:
			p.say(&openwire.IntegerResponse{CorrelationID: h.header.CommandID})
		case is && info.Operation == openwire.Recover:
			p.say(&openwire.DataArrayResponse{CorrelationID: h.header.CommandID,
				Data: []any{message.TransactionID{XA: true, XID: branchID("old")}}})
		default:
			return false
		}
		return true
	})
	conn, _ := dialed(t, "tcp://broker", Options{}, p)
	s, err := conn.XASession(t.Context())
	require.NoError(t, err)
	out, in := producer(t, s.Session, ProducerOptions{}), consumer(t, s.Session, ConsumerOptions{RedeliveryDelay: -1})
	require.ErrorIs(t, out.Send(t.Context(), NewText("")), ErrNoBranch)
	require.ErrorIs(t, s.End(t.Context()), ErrNoBranch)
	require.ErrorIs(t, s.Session.Commit(t.Context()), ErrNotTransacted)
	require.ErrorIs(t, in.Listen(t.Context(), nil), ErrNoBranch)

	one, two := branchID("one"), branchID("two")
	require.NoError(t, s.Start(t.Context(), one))
	require.Error(t, s.Start(t.Context(), two), "one at a time")
	nextOperation(t, p, openwire.Begin, one)
	p.deliver(in.ID(), numbered(1, 2)...)
	receive(t, in, 1)
	require.NoError(t, out.Send(t.Context(), NewText("")))
	require.NoError(t, s.End(t.Context()))
	m, _ := next[*message.Message](t, p)
	require.Equal(t, message.TransactionID{XA: true, XID: one}, m.Transaction)
	require.Equal(t, ackOf{message.StandardAck, 1, 1, 1, true}, nextAck(t, p))
	nextOperation(t, p, openwire.End, one)

	require.NoError(t, s.Start(t.Context(), two), "while the first waits for its outcome")
	receive(t, in, 1)
	vote, err := s.Prepare(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, VoteCommit, vote)
	require.NoError(t, s.Commit(t.Context(), one, false))
	require.NoError(t, s.Rollback(t.Context(), two), "ends it first")
	nextOperation(t, p, openwire.Begin, two)
	nextOperation(t, p, openwire.Prepare, one)
	nextOperation(t, p, openwire.CommitTwoPhase, one)
	nextOperation(t, p, openwire.End, two)
	nextOperation(t, p, openwire.Rollback, two)
	list, err := s.Branches(t.Context())
	require.NoError(t, err)
	require.Equal(t, []message.XID{branchID("old")}, list)
	require.NoError(t, s.Start(t.Context(), branchID("three")))
	again := receive(t, in, 1)[0]
	require.Equal(t, []any{int64(2), int32(1)}, []any{again.Message.ID.ProducerSequence, again.RedeliveryCounter}, "of the second alone")
	require.NoError(t, s.Forget(t.Context(), branchID("old")))
}

func TestABranchAcrossAFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1")
		mute := func(ops ...openwire.TransactionOperation) func(*peer, heard) bool {
			return func(_ *peer, h heard) bool {
				info, is := h.cmd.(*openwire.TransactionInfo)
				for _, op := range ops {
					if is && info.Operation == op {
						return true
					}
				}
				return false
			}
		}
		restart := func(script func(*peer, heard) bool) {
			synctest.Wait()
			g.kill("a:1")
			g.play(script)
			g.set("a:1", true)
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		g.play(mute(openwire.Prepare))
		conn, _ := g.connect(t, "failover:(tcp://a:1)?"+slowStart, Options{})
		s, err := conn.XASession(t.Context())
		require.NoError(t, err)
		out := producer(t, s.Session, ProducerOptions{})
		xid := branchID("x")
		require.NoError(t, s.Start(t.Context(), xid))
		require.NoError(t, out.Send(t.Context(), NewText("")))
		require.NoError(t, s.End(t.Context()))
		restart(mute(openwire.Prepare))
		nextOperation(t, g.peer("a:1"), openwire.Begin, xid)
		next[*message.Message](t, g.peer("a:1"))

		outcome := make(chan error, 1)
		go func() { _, err := s.Prepare(t.Context(), xid); outcome <- err }()
		restart(mute(openwire.Rollback))
		require.ErrorIs(t, <-outcome, ErrRolledBack, "the answer is not known")
		go func() { outcome <- s.Rollback(t.Context(), xid) }()
		restart(func(p *peer, h heard) bool {
			info, is := h.cmd.(*openwire.TransactionInfo)
			if !is || info.Operation != openwire.Rollback {
				return false
			}
			p.refuse(h, "javax.transaction.xa.XAException", "Transaction 'x' has not been started. xaErrorCode:-4")
			return true
		})
		require.NoError(t, <-outcome, "sent again, and known to have arrived")

		g.play(mute(openwire.CommitTwoPhase))
		restart(mute(openwire.CommitTwoPhase))
		go func() { outcome <- s.Commit(t.Context(), branchID("kept"), false) }()
		restart(nil)
		require.NoError(t, <-outcome)
		nextOperation(t, g.peer("a:1"), openwire.CommitTwoPhase, branchID("kept"))
		g.finish(conn)
	})
}

func TestXACode(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "xaErrorCode:": 0, "Cannot find XA transaction xaErrorCode:-4": -4, "xaErrorCode:100 and more": 100, "xaErrorCode:--": 0,
	} {
		require.Equal(t, want, (&RemoteError{Message: text}).XACode(), text)
	}
}
