package jdbcstore

import "syscall"

// tcpUserTimeout is TCP_USER_TIMEOUT.
const tcpUserTimeout = 18

// control has the kernel give up a connection whose peer acknowledges nothing.
func control(network, _ string, conn syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, silence)
	})
	if err != nil {
		return err
	}
	return failed
}
