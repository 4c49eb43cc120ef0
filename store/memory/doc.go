// Package memory is a store.Store that keeps everything in memory and nothing
// beyond the process: the store of a broker that is not persistent, and of
// tests.
//
// One goroutine, the committer, takes the units that Append queued, applies
// them in order and calls their Done; it ends in Close. Two locks: queueMu
// orders Append and guards what waits, stateMu guards what is stored. Whoever
// holds both took queueMu first.
package memory
