package openwire

import (
	"net"
	"syscall"
)

// direct is a socket's way to write without blocking. Whoever has borrowed
// the writer uses it.
type direct struct {
	raw   syscall.RawConn // nil: there is no such way
	buf   []byte
	n     int
	write func(fd uintptr) bool // writes buf, once
}

func newDirect(socket any) direct {
	tcp, ok := socket.(*net.TCPConn)
	if !ok {
		return direct{}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return direct{}
	}
	return direct{raw: raw}
}

// try writes what the socket takes of b at once. A failure is for the next
// proper write to find.
func (d *direct) try(b []byte) int {
	d.buf, d.n = b, 0
	if d.write == nil {
		d.write = func(fd uintptr) bool {
			d.n, _ = syscall.Write(int(fd), d.buf)
			return true
		}
	}
	_ = d.raw.Write(d.write)
	d.buf = nil
	return max(d.n, 0)
}

// writeNow writes an answer on the caller's goroutine, if the writer has
// nothing to do, and reports whether it has taken it. That saves a producer
// that waits for it the time to wake the writer. It never blocks: what the
// socket does not take is the writer's.
func (w *writer) writeNow(out *outbound, e *entry) bool {
	if w.direct.raw == nil || !out.borrow() {
		return false
	}
	if err := w.encode(e); err != nil {
		w.answers = 0
		out.giveBack(0, false)
		return false // the writer will find the same
	}
	w.writes.Add(1)
	n := w.direct.try(w.buf)
	w.writes.Add(1)
	if n < len(w.buf) {
		w.buf = append(w.buf[:0], w.buf[n:]...)
		out.giveBack(0, true)
		return true
	}
	w.buf = w.buf[:0]
	answers := w.answers
	w.answers = 0
	out.giveBack(answers, false)
	return true
}
