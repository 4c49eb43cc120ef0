package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// advantage is the nice value of the hosts and of the test.
const advantage = -15

// prefer gives a process that leads a session, and what it will start, the
// processors before this machine's other work: the times of the scenarios are
// those of brokers, networks and leases. Where that is not allowed, a busy
// machine makes them longer. The kernel weighs sessions against each other
// before processes. (sched(7), the autogroup feature)
func prefer(pid int) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, pid, advantage)
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), fmt.Append(nil, advantage), 0)
}
