// Package lab boots the kernels of the NFS laboratory and breaks what joins
// them: power, networks, the flow of time. The comment of package nfs draws
// it. The hosts are processes of a namespace that Main makes for the test
// binary, in which the kernel ends them with it.
//
// A Host is for one goroutine at a time, but for its commands (Call, Spawn,
// …), which are independent connections. Each running host has one goroutine,
// which waits for its main process.
package lab
