package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/cmd/conclave/node"
)

const (
	answerTime = time.Second
	maxLine    = 64 << 10
)

// request is what a client sends.
type request struct {
	Command  string     `json:"command"`
	HandOver *node.Plan `json:"handOver,omitempty"`
}

// Server answers on this process's socket.
type Server struct {
	listener *net.UnixListener
	account  func() Account
	acts     Acts
	identity string         // path of the file, see writeIdentity
	done     sync.WaitGroup // the accept loop, and holds
	working  sync.WaitGroup // answers that take longer
	holds    holds
}

// Acts are what a process does on demand.
type Acts struct {
	// Stop begins a clean stop and must not block.
	Stop func()
	// HandOver gives the mastership up; it may take as long as it needs.
	HandOver func(context.Context, node.Plan) (node.Outcome, error)
}

// Serve opens this process's socket. account is asked for every answer.
func Serve(account func() Account, acts Acts) (*Server, error) {
	dir, err := ownDirectory()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix)
	address := &net.UnixAddr{Name: path, Net: "unix"}
	listener, err := net.ListenUnix("unix", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		// The pid is this process's, so the file is a dead one's or this
		// one's from before it replaced its image.
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
		listener, err = net.ListenUnix("unix", address)
	}
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s := &Server{listener: listener, account: account, acts: acts, identity: identityPath(path)}
	if err := writeIdentity(s.identity, account()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.done.Go(s.serve)
	return s, nil
}

// Close removes the socket and joins the server's goroutine.
func (s *Server) Close() error {
	err := errors.Join(s.listener.Close(), removeIdentity(s.identity))
	s.holds.close()
	s.done.Wait()
	s.Settle()
	return err
}

// Settle waits until every hand-over has been answered.
func (s *Server) Settle() { s.working.Wait() }

func (s *Server) serve() {
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors, perhaps
			continue
		}
		s.answer(conn)
	}
}

func (s *Server) answer(conn *net.UnixConn) {
	kept := false
	defer func() {
		if !kept {
			conn.Close()
		}
	}()
	if peer, err := peerOf(conn); err != nil || peer.user != 0 && peer.user != os.Getuid() {
		return
	}
	if conn.SetDeadline(time.Now().Add(answerTime)) != nil {
		return
	}
	from := bufio.NewReader(io.LimitReader(conn, maxLine))
	line, err := from.ReadBytes('\n')
	var r request
	if err != nil || json.Unmarshal(line, &r) != nil {
		return
	}
	switch r.Command {
	case "status":
		_ = reply(conn, s.account())
	case "stop":
		if reply(conn, s.account()) == nil {
			s.acts.Stop()
		}
	case "switchover":
		if r.HandOver != nil {
			kept = true
			s.working.Go(func() { s.handOver(conn, *r.HandOver) })
		}
	case "hold":
		kept = true
		s.done.Go(func() { s.keep(conn, from) })
	}
}

func reply(conn net.Conn, answer any) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(text, '\n'))
	return err
}

// handOver answers when it is over.
func (s *Server) handOver(conn net.Conn, plan node.Plan) {
	defer conn.Close()
	var answer handOverAnswer
	outcome, err := s.acts.HandOver(context.Background(), plan)
	if err != nil {
		answer.Error = err.Error()
	} else {
		answer.Outcome = &outcome
	}
	if conn.SetDeadline(time.Now().Add(answerTime)) == nil {
		_ = reply(conn, answer) // whoever asked may have gone
	}
}

// handOverAnswer has one of the two.
type handOverAnswer struct {
	Outcome *node.Outcome `json:"outcome,omitempty"`
	Error   string        `json:"error,omitempty"`
}
