// Package storage is a shared file system that breaks on command. It lives in
// the memory of a test and is mounted through FUSE, once for each host: every
// host has a kernel's view of its own, and all see the same files. It needs
// root.
//
// A [Storage] knows what was synced, file by file, sector by sector and name by
// name, and [Storage.Cut] drops the rest as a power failure does. It can be too
// small. Locks are kept here, by open file, and work between hosts unless a
// host is mounted without them; [Host.Revoke] takes a host's locks away as a
// server does whose lease has run out.
//
// A [Host] shows every call to its fault, which may make it fail, cut it
// short, answer something else, or keep it until later. Calls that are kept
// leave the calling thread in the kernel where no signal reaches it. Nothing is
// cached: files are open for direct I/O and no attribute holds longer than its
// answer, so that no call passes the fault by.
//
// Storage.mu guards all files; Host.mu guards the fault and the record of
// calls. A fault is called without either, from any goroutine.
package storage
