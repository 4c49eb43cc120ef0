// Package arch checks the shape of the source: which package imports which,
// and the rules of style that a machine can see. It has tests alone and starts
// no goroutine.
package arch
