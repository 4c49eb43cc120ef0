//go:build postgres

package pglock

import (
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// pooler stands in front of a database as PgBouncer does in transaction mode:
// it lends each client one of its own sessions for a transaction at a time,
// the one that was given back last.
type pooler struct {
	listener net.Listener
	free     chan *pgconn.HijackedConn
	clients  sync.WaitGroup
	sessions []*pgconn.HijackedConn
}

// pool returns the URL of a pooler with so many sessions.
func pool(t *testing.T, url, database string, size int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &pooler{listener: l, free: make(chan *pgconn.HijackedConn, size)}
	for range size {
		conn, err := pgconn.Connect(t.Context(), url)
		require.NoError(t, err)
		h, err := conn.Hijack()
		require.NoError(t, err)
		p.sessions = append(p.sessions, h)
		p.free <- h
	}
	p.clients.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		for _, h := range p.sessions {
			h.Conn.Close()
		}
		p.clients.Wait()
	})
	return "postgres://conclave@" + l.Addr().String() + "/" + database + "?sslmode=disable"
}

func (p *pooler) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.clients.Go(func() {
			defer conn.Close()
			p.serve(pgproto3.NewBackend(conn, conn))
		})
	}
}

func (p *pooler) serve(client *pgproto3.Backend) {
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return
	}
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if client.Flush() != nil {
		return
	}
	var lent *pgconn.HijackedConn
	for {
		message, err := client.Receive()
		if _, over := message.(*pgproto3.Terminate); err != nil || over {
			if lent != nil {
				p.free <- lent
			}
			return
		}
		if lent == nil {
			lent = <-p.free
		}
		lent.Frontend.Send(message)
		switch message.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			status, err := relay(client, lent.Frontend)
			if err != nil {
				return
			}
			if status == 'I' {
				p.free <- lent
				lent = nil
			}
		}
	}
}

// relay passes an answer on and returns the state of the transaction after it.
func relay(client *pgproto3.Backend, server *pgproto3.Frontend) (status byte, err error) {
	if err := server.Flush(); err != nil {
		return 0, err
	}
	for {
		message, err := server.Receive()
		if err != nil {
			return 0, err
		}
		client.Send(message)
		if ready, ok := message.(*pgproto3.ReadyForQuery); ok {
			return ready.TxStatus, client.Flush()
		}
	}
}
