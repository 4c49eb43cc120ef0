// Package jdbcstore is a store.Store on the PostgreSQL schema of ActiveMQ's
// JDBC store: ActiveMQ Classic serves what a Store leaves, and a Store serves
// what ActiveMQ leaves. FORMAT.md describes the tables, ActiveMQ's and ours.
//
// Nothing is kept in memory that a take-over would have to read: a message's
// Seq is the ID of its row, a page is a query by key, and the sizes of
// destinations are counted in the transactions that change them.
package jdbcstore
