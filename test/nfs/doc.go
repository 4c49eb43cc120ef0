// Package nfs shows what a pair of brokers makes of real hosts, a real network
// and a real NFS server when each of them fails.
//
// Its tests carry the build tag nfs and run as root on Linux, amd64: `make nfs`.
// They boot three kernels of Debian's package user-mode-linux, which are
// ordinary processes and need neither KVM nor modules of this machine's kernel:
//
//	            br-san 10.77.0.0/24: storage
//	   ┌──────────────┬──────────────┐
//	host a .2      host b .3      server .4      Linux 6.1 each; the server
//	   └──────────────┴──────────────┘           exports ext4 by NFSv4.2,
//	            br-mgmt 10.78.0.0/24: clients    lease 10 s
//	   └── .1 the test: its clients, the ledger, the commands to the hosts
//
// Hosts a and b mount the server's disk and run bin/conclave on it. The test
// is their clients and sees all of it with one clock. The three boot once;
// each test has a directory of its own on the mount. Package lab is this
// machine's side, package guest runs in the hosts, as process 1.
//
// # Nothing is left behind
//
// The test runs itself again in new namespaces for processes, mounts and
// network, as process 1 of the first (lab.Main). When it ends, however it
// ends, the kernel kills the hosts and takes the bridges and mounts away; the
// outer process removes the directory. A killed test leaves that behind.
//
// # Traps
//
//   - On a CPU with AMX the kernel dies with its first process, "ptrace set fp
//     regs failed": it sets a process's extended registers with a buffer of a
//     fixed size, and Linux takes the whole state or nothing (EFAULT). A shim
//     completes the state (lab/testdata/xstate.c, built with gcc, preloaded).
//   - A host draws a new MAC address at each boot unless it is given one; the
//     others then send to the old one for half a minute.
//   - A tap that goes down wedges the host's driver for good. The storage
//     network is cut by taking the host's tap out of the bridge.
//   - SIGKILL to the main process of a host leaves helpers that hold its taps:
//     a process group each. SIGSTOP goes to the main process alone, which
//     traces the others; they would take the signal for one of their own.
//   - Linux's NFS server knows no lease below 10 s, and its client renews at
//     2/3 of it.
//   - A server that starts fresh would wait a grace period for clients to
//     reclaim what they held: it is told that nobody will, except when it
//     restarts.
//   - The hosts' wall clocks differ from this machine's by up to 0.1 s. Times
//     are compared on the test's clock alone. All clocks of a host go on while
//     it is paused.
//   - A disk that is full is found out by a sync, not by a write.
//   - The hosts have one processor and 100 ticks a second each. Nothing here
//     says anything about throughput.
//
// # By hand
//
//	make nfs NFS=TestKill        # one test
//	make nfs NFSFLAGS=-keep      # logs of brokers and consoles stay
//	make nfs NFSFLAGS=-allowance=0
//
// The last demands that hand-overs keep to their targets exactly: a second when
// a process dies, the lease and two seconds when a host is lost. Each is
// printed beside its target in any case.
package nfs
