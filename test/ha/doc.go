// Package ha drives pairs of real broker processes on one directory: who
// serves, who waits, what becomes of a master that is killed, stopped, paused
// or robbed of its lock. It has tests alone.
package ha
