// Package vfs is the small part of a file system that a journal uses, with
// three implementations: the operating system's, one in memory that can drop
// what was not synced as a power failure does, and a wrapper that makes chosen
// operations fail.
package vfs
