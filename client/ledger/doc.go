// Package ledger keeps account of numbered messages from the clients' side:
// what was tried, what a broker acknowledged, what was delivered. It says what
// is lost, what came twice unflagged and what came out of order, whatever
// happens to the brokers. It does no I/O.
package ledger
