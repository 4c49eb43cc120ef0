package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/conclavemq/conclave/journal"
)

// A client that makes a backup asks for a moment of the journal and copies it
// itself. Its connection stays open meanwhile; the moment ends with it.

// Moment is the answer to a hold command.
type Moment struct {
	Account
	Epoch uint64             `json:"epoch"`
	Files []journal.HeldFile `json:"files"`
	// Error says why there is no moment, or at the end why it was none.
	Error string `json:"error,omitempty"`
}

const (
	maxHolds   = 4
	holdTime   = 30 * time.Second // until all that waits is written
	maxMoment  = 64 << 20         // bytes of an answer
	endCommand = "release"
)

// holds are the moments that a server keeps.
type holds struct {
	mu    sync.Mutex
	take  func(context.Context) (*journal.Hold, error) // mu; nil: there is no journal
	conns map[net.Conn]struct{}                        // mu; nil when the server is closed
}

// AllowHolds has hold commands answered: take makes a moment, or says why there
// is none.
func (s *Server) AllowHolds(take func(context.Context) (*journal.Hold, error)) {
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	s.holds.take = take
	if s.holds.conns == nil {
		s.holds.conns = map[net.Conn]struct{}{}
	}
}

// enter notes a connection; it fails if there are too many.
func (h *holds) enter(conn net.Conn) (func(context.Context) (*journal.Hold, error), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.take == nil || h.conns == nil:
		return nil, errors.New("this broker has no journal to copy")
	case len(h.conns) >= maxHolds:
		return nil, fmt.Errorf("%d backups are under way", maxHolds)
	}
	h.conns[conn] = struct{}{}
	return h.take, nil
}

func (h *holds) leave(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
}

// close ends all moments.
func (h *holds) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.conns {
		_ = conn.Close()
	}
	h.conns = nil
}

// keep answers a hold command, and keeps the moment until the client says that
// it has its copy, or goes.
func (s *Server) keep(conn net.Conn, from *bufio.Reader) {
	defer conn.Close()
	m := Moment{Account: s.account()}
	take, err := s.holds.enter(conn)
	if err != nil {
		m.Error = err.Error()
		_ = answerLine(conn, m)
		return
	}
	defer s.holds.leave(conn)
	ctx, cancel := context.WithTimeout(context.Background(), holdTime)
	defer cancel()
	hold, err := take(ctx)
	if err != nil {
		m.Error = err.Error()
		_ = answerLine(conn, m)
		return
	}
	defer hold.Release()
	m.Epoch, m.Files = hold.Epoch, hold.Files
	if answerLine(conn, m) != nil || conn.SetDeadline(time.Time{}) != nil {
		return
	}
	line, err := from.ReadString('\n')
	if err != nil || line != endCommand+"\n" {
		return
	}
	end := Moment{Account: s.account()}
	if err := hold.Intact(); err != nil {
		end.Error = err.Error()
	}
	_ = answerLine(conn, end)
}

func answerLine(conn net.Conn, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(10 * answerTime)); err != nil {
		return err
	}
	_, err = conn.Write(append(text, '\n'))
	return err
}

// Held is a moment as a client has it.
type Held struct {
	Moment
	// Gone is closed when the broker has gone, or has answered for the last time.
	Gone chan struct{}
	conn net.Conn
	from *bufio.Reader
	err  error // before Gone
}

// Hold asks the broker for a moment of its journal.
func (b Broker) Hold() (*Held, error) {
	owner, err := ownerOf(filepath.Dir(b.path))
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("unix", b.path, answerTime)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	h := &Held{Gone: make(chan struct{}), conn: conn, from: bufio.NewReader(io.LimitReader(conn, maxMoment))}
	if peer, err := peerOf(conn.(*net.UnixConn)); err != nil || peer.user != owner && peer.user != 0 {
		return nil, errors.Join(errors.New("the socket is not the broker's"), err, conn.Close())
	}
	if h.Moment, err = h.ask("{\"command\":\"hold\"}\n", holdTime+answerTime); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go h.listen()
	return h, nil
}

// listen waits for the last answer, or the broker's end.
func (h *Held) listen() {
	defer close(h.Gone)
	_, h.err = h.read()
}

func (h *Held) ask(line string, limit time.Duration) (m Moment, err error) {
	if err := h.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return m, err
	}
	if _, err := io.WriteString(h.conn, line); err != nil {
		return m, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return h.read()
}

func (h *Held) read() (m Moment, err error) {
	text, err := h.from.ReadBytes('\n')
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("answer of the broker: %w", err)
	}
	if m.Error != "" {
		return m, errors.New(m.Error)
	}
	return m, nil
}

// Finish ends the moment. An error says that it may not have lasted until now.
func (h *Held) Finish() error {
	err := h.conn.SetDeadline(time.Now().Add(10 * answerTime))
	if err == nil {
		_, err = io.WriteString(h.conn, endCommand+"\n")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSilent, errors.Join(err, h.conn.Close()))
	}
	<-h.Gone
	return errors.Join(h.err, h.conn.Close())
}

// Close ends the moment without asking.
func (h *Held) Close() error { return h.conn.Close() }
