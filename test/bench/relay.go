package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// relay stands between a broker and its database and counts how often the
// database is asked: a round trip begins where bytes go there after bytes have
// come back. What is pipelined without waiting counts once.
type relay struct {
	listener net.Listener
	server   string
	turns    atomic.Int64
	work     sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn // guarded by mu
	closed   bool       // guarded by mu
}

func startRelay(server string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, server: server}
	r.work.Go(r.accept)
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		broker, err := r.listener.Accept()
		if err != nil {
			return
		}
		database, err := net.Dial("tcp", r.server)
		if err != nil || !r.keep(broker, database) {
			broker.Close()
			continue
		}
		var asked atomic.Bool // bytes went to the database, none have come back since
		r.work.Go(func() {
			r.pass(database, broker, func() {
				if !asked.Swap(true) {
					r.turns.Add(1)
				}
			})
		})
		r.work.Go(func() { r.pass(broker, database, func() { asked.Store(false) }) })
	}
}

// keep remembers connections for close.
func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, conns...)
	return !r.closed
}

func (r *relay) pass(to, from net.Conn, seen func()) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			seen()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				from.Close()
			}
			return
		}
	}
}

func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for _, c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
