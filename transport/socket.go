package transport

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// bind listens as the URI says, its backlog included, which package net takes
// from the system alone.
func bind(u *URI) (*net.TCPListener, error) {
	config := net.ListenConfig{}
	bound, err := config.Listen(context.Background(), "tcp", u.Address())
	if err != nil {
		return nil, fmt.Errorf("failed to bind: %w", err)
	}
	listener := bound.(*net.TCPListener)
	if err := setBacklog(listener, u.Backlog); err != nil {
		listener.Close()
		return nil, fmt.Errorf("backlog %d: %w", u.Backlog, err)
	}
	return listener, nil
}

// setBacklog calls listen(2) again, which on Linux changes the length of the
// queue; the kernel itself caps it at net.core.somaxconn.
func setBacklog(listener *net.TCPListener, backlog int) error {
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), backlog) })
	if err != nil {
		return err
	}
	return failed
}

// configure sets the socket's options; it goes on after a failure and returns
// the first.
func (s *Socket) configure(socket *net.TCPConn) error {
	var first error
	note := func(name string, err error) {
		if err != nil && first == nil {
			first = fmt.Errorf("%s: %w", name, err)
		}
	}
	if s.BufferSize > 0 {
		note("socketBufferSize", socket.SetReadBuffer(s.BufferSize))
		note("socketBufferSize", socket.SetWriteBuffer(s.BufferSize))
	}
	if s.KeepAlive != nil {
		note("keepAlive", socket.SetKeepAlive(*s.KeepAlive))
	}
	if s.Linger != nil {
		note("soLinger", socket.SetLinger(*s.Linger))
	}
	if s.NoDelay != nil {
		note("tcpNoDelay", socket.SetNoDelay(*s.NoDelay))
	}
	if s.TrafficClass > 0 {
		note("trafficClass", setTrafficClass(socket, s.TrafficClass))
	}
	return first
}

func setTrafficClass(socket *net.TCPConn, class int) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// An IPv6 socket takes IP_TOS for its IPv4-mapped peers and
		// IPV6_TCLASS for the others; an IPv4 socket knows only the first.
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TOS, class)
		if syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, class) == nil {
			failed = nil
		}
	})
	if err != nil {
		return err
	}
	return failed
}
