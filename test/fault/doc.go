// Package fault shows what Conclave makes of bad input: real processes on real
// files, with garbage on the port, damage in the directory, a full disk, and
// processes that are killed, stopped or robbed of their lock.
//
// Its tests carry the build tag fault. Each is a row: the fault, what a user
// sees of it (a line in the log, an exit code, an exception), and what must
// hold all the same, which a ledger of acknowledged sends decides. Everything
// random comes from one seed, which is printed; -seed repeats it. Rows that
// mount file systems or make network namespaces need root and skip without it.
package fault
