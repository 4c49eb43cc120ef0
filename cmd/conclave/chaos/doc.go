// Package chaos tries a directory out: it runs a pair of brokers in it, sends
// and receives numbered messages through failover, does to the brokers what
// the world may do, and reports what was lost, doubled, disordered, and how
// long nobody served. The brokers are processes of the same binary; the
// clients live in this one and outlast them.
//
// Everything lies in a new folder below the directory, which is removed when
// the accounts balance and kept when they do not.
package chaos
