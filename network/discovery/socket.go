package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// socket is a multicast group as an agent sees it.
type socket interface {
	// receive reads one datagram, for at most a time.
	receive(buf []byte, within time.Duration) (int, error)
	send(datagram []byte) error
	close() error
}

// opener opens a group for reading or, if not receive, for sending.
type opener func(g groupOptions, receive bool) (socket, error)

// udp is a socket of the system's.
type udp struct {
	socket *net.UDPConn
	group  *net.UDPAddr
}

func (u *udp) receive(buf []byte, within time.Duration) (int, error) {
	if err := u.socket.SetReadDeadline(time.Now().Add(within)); err != nil {
		return 0, err
	}
	n, _, err := u.socket.ReadFromUDPAddrPort(buf)
	return n, err
}

func (u *udp) send(datagram []byte) error {
	_, err := u.socket.WriteToUDP(datagram, u.group)
	return err
}

func (u *udp) close() error { return u.socket.Close() }

// openUDP opens a group. Other processes of this host may have it open too,
// ActiveMQ's among them.
func openUDP(g groupOptions, receive bool) (socket, error) {
	by, err := g.interfaceIndex(receive)
	if err != nil {
		return nil, err
	}
	address := "0.0.0.0:0"
	if receive {
		address = g.address.String() // so that nothing but the group's packets comes
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return control(raw, func(fd int) error { return g.prepare(fd, receive, by) })
	}}
	bound, err := config.ListenPacket(context.Background(), "udp4", address)
	if err != nil {
		return nil, err
	}
	u := &udp{socket: bound.(*net.UDPConn), group: g.address}
	if !receive {
		return u, nil
	}
	raw, err := u.socket.SyscallConn()
	if err == nil {
		err = control(raw, func(fd int) error { return g.enter(fd, by) })
	}
	if err != nil {
		u.close()
		return nil, err
	}
	return u, nil
}

func control(raw syscall.RawConn, f func(fd int) error) error {
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// prepare sets the options of a socket that is not bound yet.
func (g groupOptions) prepare(fd int, receive bool, by int) error {
	if receive {
		return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	loop := 1
	if g.noLoop {
		loop = 0
	}
	err := errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_MULTICAST_TTL, g.ttl),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_MULTICAST_LOOP, loop))
	if by > 0 {
		err = errors.Join(err, syscall.SetsockoptIPMreqn(fd, syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, &syscall.IPMreqn{Ifindex: int32(by)}))
	}
	return err
}

// enter joins the group.
func (g groupOptions) enter(fd, by int) error {
	m := &syscall.IPMreqn{Ifindex: int32(by)}
	copy(m.Multiaddr[:], g.address.IP.To4())
	if err := syscall.SetsockoptIPMreqn(fd, syscall.IPPROTO_IP, syscall.IP_ADD_MEMBERSHIP, m); err != nil {
		return fmt.Errorf("join %s: %w", g.address.IP, err)
	}
	return nil
}

// interfaceIndex is the interface to use, 0 leaves it to the system. What is
// named for sending is used to receive too, unless another is named for that;
// ActiveMQ joins on the interface that it finds by itself then.
func (g groupOptions) interfaceIndex(receive bool) (int, error) {
	name := g.network
	if receive && g.join != "" {
		name = g.join
	}
	if name != "" {
		found, err := net.InterfaceByName(name)
		if err != nil {
			return 0, fmt.Errorf("interface %s: %w", name, err)
		}
		return found.Index, nil
	}
	return search(g.source)
}

// search finds the interface that has an address or, of "", the last that can
// multicast and has an address which is not this host's alone, as ActiveMQ
// does (findNetworkInterface).
func search(source string) (int, error) {
	all, err := net.Interfaces()
	if err != nil {
		return 0, err
	}
	index := 0
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			network, ok := a.(*net.IPNet)
			if !ok || network.IP.To4() == nil {
				continue
			}
			switch {
			case source != "" && network.IP.String() == source:
				return i.Index, nil
			case source == "" && !network.IP.IsLoopback() && i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagUp != 0 &&
				!strings.HasPrefix(i.Name, "vnic"):
				index = i.Index
			}
		}
	}
	if source != "" {
		return 0, fmt.Errorf("no interface has the address %s", source)
	}
	return index, nil
}
