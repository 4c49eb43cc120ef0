package control

import (
	"bufio"
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
)

const (
	answerTime = time.Second
	maxLine    = 64 << 10
)

// request is what a client sends.
type request struct {
	Command string `json:"command"`
}

// Server answers on this process's socket.
type Server struct {
	listener *net.UnixListener
	account  func() Account
	stop     func()
	identity string // path of the file, see writeIdentity
	done     sync.WaitGroup
	holds    holds
}

// Serve opens this process's socket. account is asked for every answer; stop
// is called for a stop command and must not block.
func Serve(account func() Account, stop func()) (*Server, error) {
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
	s := &Server{listener: listener, account: account, stop: stop, identity: identityPath(path)}
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
	return err
}

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
			_ = conn.Close()
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
	if r.Command == "hold" {
		kept = true
		s.done.Go(func() { s.keep(conn, from) })
		return
	}
	if r.Command != "status" && r.Command != "stop" {
		return
	}
	text, err := json.Marshal(s.account())
	if err != nil {
		return
	}
	if _, err := conn.Write(append(text, '\n')); err != nil {
		return
	}
	if r.Command == "stop" {
		s.stop()
	}
}
