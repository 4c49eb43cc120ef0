// Package fault shows what Conclave makes of bad input: real processes on real
// files, with garbage on the port, damage in the directory, a full disk, and
// processes that are killed, stopped or robbed of their lock.
//
// TestFaultTable is the table of faults of a pair: processes that are killed,
// stopped, started twice or short of memory and descriptors; a lock or a
// directory that goes away; file systems whose locks exclude nobody; calls that
// fail, hang or do half of what they say; power cuts; full disks; kills at each
// step of a take-over. A row is what is done to the pair, how soon somebody has
// to serve again, and what is looked at besides. Its clients send and consume on
// four queues, one by one and in transactions, and harness.History checks what
// they were told against P1 to P6. TestTwoMastersAreCaught and
// TestLostWritesAreCaught are storage that lies: they show that the table can
// fail. Most rows run on package storage, a file system in the memory of the
// test that is mounted twice, once for each host.
//
// All tests here carry the build tag fault. Each is a row: the fault, what a user
// sees of it (a line in the log, an exit code, an exception), and what must
// hold all the same, which a ledger of acknowledged sends decides. Everything
// random comes from one seed, which is printed; -seed repeats it. Rows that
// mount file systems or make network namespaces need root and skip without it.
package fault
