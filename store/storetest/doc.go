// Package storetest is the suite that every store.Store passes.
//
// A store's own test calls [Run] with a [Factory]. The parts that reopen a
// store run only where the factory can do so.
package storetest
