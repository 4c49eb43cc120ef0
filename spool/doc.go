// Package spool keeps messages that are in no store outside memory: first in,
// first out, one list for each queue or subscriber that has too many. It is
// gone with the process, as the messages are. (ActiveMQ: PListStoreImpl, the
// temporary store)
//
// All lists share one file, so that a hundred thousand of them need one
// descriptor. It is made when it is first needed and has no name: a crash
// leaves nothing behind, and nothing is synced. It consists of blocks, each of
// which belongs to one list or to none. What a list holds is a stream of
// records over its blocks; when all of a block has been released, the block
// can be given to another list, and its place on the disk is given back.
//
//	record  = length of what follows (varint) ‖ seq (varint) ‖ sub (varint) ‖ message
//	message = as stored, with its size prefix (openwire.Store)
//
// Appending does not fail. What cannot be written, because the disk is full,
// stays in memory, and the spool is Full until it can be: those who append are
// expected to ask first and to stop then, so that this is bounded by what was
// on its way.
//
// A list is for one reader and many writers; others may look on. What a reader
// reads it takes away by Release. Files are read without a lock: a block that
// was released meanwhile is found out afterwards.
package spool
