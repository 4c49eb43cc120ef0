// Package guest is what runs in the hosts of the NFS laboratory: process 1 of
// a User-Mode-Linux kernel. It mounts what a host needs, sets the network up,
// loads modules, runs brokers and carries out what the test asks for by
// net/rpc. On the server it also answers the questions that nfs-utils answers
// elsewhere, so that the kernel's NFS server needs no further program.
//
// Boot's goroutine accepts connections; each connection and each call has one,
// so that a call which hangs with the storage holds up no other. There is one
// goroutine for each process started and one for each of the three caches of
// the NFS server.
package guest
