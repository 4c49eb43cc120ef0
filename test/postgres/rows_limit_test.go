//go:build postgres

package postgres

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// role is an ordinary one: none of the connections that PostgreSQL keeps for
// superusers is for it.
const role = "broker"

// ordinaryRole has the brokers be such a role, with all rights to its database.
func ordinaryRole(x *trial) {
	if x.server == shared {
		x.server = newServer(x.T, postgres.Options{Settings: map[string]string{"max_connections": "40", "authentication_timeout": "600s"}})
	}
	require.NoError(x, x.server.Exec("", fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", role, postgres.Password)))
	x.database = newDatabase(x.T, x.server, "OWNER "+role)
	x.url = x.server.URLAs(role, postgres.Password, x.database)
}

// crowdOut takes every connection that the server has left, and those that
// become free; release gives them back.
func (x *trial) crowdOut() (release func()) {
	x.Helper()
	var mu sync.Mutex
	var held []net.Conn // mu
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if c, ok := occupy(x.server.Address()); ok {
				mu.Lock()
				held = append(held, c)
				mu.Unlock()
			}
		}
	}()
	var once sync.Once
	release = func() {
		once.Do(func() {
			close(quit)
			<-done
			for _, c := range held {
				_ = c.Close()
			}
		})
	}
	x.Cleanup(release)
	return release
}

// occupy begins a connection as any client does and leaves the server waiting
// for its password. ok is false when the server has no connection left.
func occupy(address string) (net.Conn, bool) {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil, false
	}
	text := fmt.Sprintf("user\x00%s\x00database\x00postgres\x00\x00", postgres.User)
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(text)))
	b = binary.BigEndian.AppendUint32(b, 3<<16)
	answer := make([]byte, 1)
	_, err = c.Write(append(b, text...))
	if err == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_, err = c.Read(answer)
	}
	if err != nil || answer[0] != 'R' { // not a request to authenticate
		_ = c.Close()
		return nil, false
	}
	return c, true
}

// limitRows are a server that has no connection left for its brokers.
func limitRows() []row {
	return []row{
		{name: "others take all connections", on: ordinaryRole, promise: "the master has what it needs", serve: 500 * time.Millisecond, after: goesOnInItsEpoch,
			strike: func(x *trial) {
				release := x.crowdOut()
				wait(2 * time.Second)
				x.still()
				x.work.GoesOn(50)
				release()
			}},
		{name: "others take all connections, store sessions ended", on: ordinaryRole, promise: "a pause until there is room", serve: backOnline,
			strike: func(x *trial) {
				sessions := x.pids(storeSession)
				release := x.crowdOut()
				wait(500 * time.Millisecond)
				end(x, sessions)
				wait(2 * time.Second)
				release()
				x.still()
			}},
		{name: "others take all connections, master killed", on: ordinaryRole, promise: "P9 when there is room", serve: backOnline,
			strike: func(x *trial) {
				release := x.crowdOut()
				wait(500 * time.Millisecond)
				require.NoError(x, x.a.Kill()) // which makes room: the other may be faster
				wait(2 * time.Second)
				release()
				x.still()
			}},
		{name: "role's connection limit lowered, sessions ended", on: ordinaryRole, promise: "a pause until there is room", serve: backOnline,
			strike: func(x *trial) {
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" CONNECTION LIMIT 1"))
				x.terminate(anySession)
				wait(2 * time.Second)
				require.NoError(x, x.server.Exec("", "ALTER ROLE "+role+" CONNECTION LIMIT -1"))
				x.still()
			}},
	}
}
