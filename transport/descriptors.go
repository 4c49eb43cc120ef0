package transport

import (
	"net"
	"syscall"
	"time"
)

// A broker that has no descriptor left can neither prove its lock nor change
// journal files, so connections do not get the last ones: a quarter of the
// process's limit is kept, or as many as a store can use.
const (
	keptShare = 4
	mostKept  = 256
)

// tellScarceEvery is how often the log says that descriptors are scarce.
const tellScarceEvery = time.Minute

// descriptorsScarce reports that an accepted socket has one of the descriptors
// that are kept, with the process's limit. The kernel gives out the lowest
// number that is free, so the number says how many are in use.
func descriptorsScarce(socket *net.TCPConn) (limit uint64, scarce bool) {
	var rlimit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &rlimit) != nil {
		return 0, false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, false
	}
	limit = rlimit.Cur
	_ = raw.Control(func(fd uintptr) { // an error says that the socket is closed
		scarce = uint64(fd) >= limit-min(limit/keptShare, mostKept)
	})
	return limit, scarce
}

// refuseScarce counts and reports a connection that is turned away.
func (l *Listener) refuseScarce(limit uint64) {
	l.refused.Add(1)
	if now := time.Now(); now.Sub(l.scarceTold) >= tellScarceEvery {
		l.scarceTold = now
		l.log.Warn("could not accept connection: the process has too few file descriptors left; see ulimit -n or LimitNOFILE",
			"limit", limit, "refused", l.refused.Load())
	}
}
