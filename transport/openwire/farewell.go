package openwire

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// A planned end leaves nothing in doubt that can be known. A client cannot
// know the outcome of a commit whose answer does not come, nor we of an
// acknowledgement that we did not read:
//
//   - A session with transactions ends right behind the answer of the commit
//     or rollback that ends the last of them (Unwind): while a client waits for
//     that answer it sends nothing else, and the end comes along with it. One
//     whose application acknowledges batches ends behind such a batch. Neither
//     does while the client has messages that were not acknowledged.
//   - A session with consumers is half closed: the client notices and closes
//     its side, and what it acknowledged until then is read.
//   - Any other waits, with its socket open, until it is dismissed: its
//     requests will be answered by the next master, to which the client sends
//     them again, and which is there when it looks for it.

const (
	lastReading  = 2 * time.Millisecond  // a parked reader goes on with what has arrived
	farewellTime = 50 * time.Millisecond // of a client to notice that its session is over
)

var (
	errUnwound = errors.New("broker hands over; nothing is open")
	errParked  = errors.New("broker hands over")
)

// ending is how far a session's planned end has come.
type ending struct {
	unwinding atomic.Bool   // to end with the last open transaction
	parking   atomic.Bool   // Park has begun
	settled   chan struct{} // closed by Park when all that was taken has been answered
	parked    chan struct{} // closed by Run when the broker's connections are closed
	halfway   atomic.Bool   // the writer half closes the socket at its end
}

// openTransactions are those that a session has begun. The reader changes it.
type openTransactions struct {
	ids map[message.TransactionID]struct{}
	n   atomic.Int32 // of ids, for others
}

// follow keeps account of a command and reports whether it ends the last
// transaction that was open. A prepared one is over: it survives.
func (o *openTransactions) follow(t *codec.TransactionInfo) (last bool) {
	switch t.Operation {
	case codec.Begin:
		if o.ids == nil {
			o.ids = make(map[message.TransactionID]struct{})
		}
		o.ids[t.Transaction] = struct{}{}
	case codec.Prepare, codec.CommitOnePhase, codec.CommitTwoPhase, codec.Rollback, codec.Forget:
		delete(o.ids, t.Transaction)
		last = len(o.ids) == 0
	default:
		return false
	}
	o.n.Store(int32(len(o.ids)))
	return last
}

// boundary reports whether a acknowledges a batch and leaves nothing open.
func (s *session) boundary(a *message.Ack) bool {
	return len(s.open.ids) == 0 && a.Transaction.IsZero() && a.Type == message.StandardAck && a.Count > 1 &&
		s.roster.retire(int(a.Count))
}

// Transactions is the number of transactions that are open.
func (s *session) Transactions() int { return int(s.open.n.Load()) }

// Unwind lets the session end by itself with its last open transaction; one
// without goes on.
func (s *session) Unwind() { s.ending.unwinding.Store(true) }

// Park takes no more commands, lets those that were taken be answered, and ends the broker's connections of this session. See above for
// what the client sees of it. It returns when that is done or ctx has ended.
func (s *session) Park(ctx context.Context) {
	s.ending.parking.Store(true)
	s.unblock()
	s.monitor.stop()
	if !s.ending.halfway.Load() {
		s.socket.SetReadDeadline(time.Now().Add(lastReading))
	}
	defer context.AfterFunc(ctx, func() { s.end(errParked) })()
	select {
	case <-s.read:
	case <-s.ended:
		return
	}
	s.out.drain(ctx)
	close(s.ending.settled)
	select {
	case <-s.ending.parked:
	case <-s.ended:
	}
}

// Dismiss ends a session that was parked.
func (s *session) Dismiss() { s.goodbye() }

// goodbye is the last that a client hears. The address of another broker is
// left out: the Java client would put it in the place of its whole list.
func (s *session) goodbye() {
	if s.updatable() {
		s.send(&codec.ConnectionControl{Close: true})
	}
	s.send(&codec.Shutdown{})
	s.lastWords()
}

// rest is the reader's part of Park.
func (s *session) rest() {
	select {
	case <-s.ending.settled:
	case <-s.ended:
		return
	}
	if !s.roster.consumes() {
		s.giveBack()
		return
	}
	s.farewell()
	s.giveBack()
	s.end(errParked)
}

// giveBack ends the broker's connections of this session.
func (s *session) giveBack() {
	s.guard(func() error { s.roster.closeAll(); return nil })
	close(s.ending.parked)
}

// leave is the reader's part of Unwind: what is owed goes out in one piece
// with the end.
func (s *session) leave() {
	s.out.gather(lastWords)
	s.farewell()
	s.giveBack()
	s.end(errUnwound)
}

// farewell says goodbye, and reads until the client has closed its side.
func (s *session) farewell() {
	s.ending.halfway.Store(true)
	s.goodbye()
	if !s.frames.torn {
		s.socket.SetReadDeadline(time.Now().Add(s.protocol.options.farewell))
		s.guard(s.readLast)
	}
}

// readLast takes acknowledgements and messages that a client sent before it
// noticed. What belongs to a transaction is rolled back, and what asks for an
// answer will be asked again of the next master.
func (s *session) readLast() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.protocol.options.farewell)
	defer cancel()
	for {
		frame, own, err := s.frames.next()
		if err != nil {
			return err
		}
		if !own {
			frame = append([]byte(nil), frame...)
		}
		header, command, err := s.decoder.Decode(frame)
		if err != nil {
			return err
		}
		header.ResponseRequired = false
		switch c := command.(type) {
		case *message.Ack:
			if c.Transaction.IsZero() {
				s.onAck(header, c)
			}
		case *message.Message:
			if c.Transaction.IsZero() {
				s.onMessage(ctx, header, c)
			}
		}
	}
}

// halfClose ends the stream to the client and leaves the other direction open.
func (s *session) halfClose() bool {
	tcp, ok := s.socket.(*net.TCPConn)
	return ok && s.ending.halfway.Load() && tcp.CloseWrite() == nil
}
