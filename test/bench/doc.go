// Command bench compares Conclave with ActiveMQ Classic 5.17.2 (Debian's
// package activemq) on this machine: each of the two, with both settings of
// concurrentStoreAndDispatchQueues, is started on an empty directory and driven
// by the same load generator, row by row, in turn, for several rounds. What is
// printed is the median of the rounds, the ratio of Conclave to the better of
// ActiveMQ's two columns, and the target of each row with PASS or MISS.
//
//	make bench                                # everything, takes more than an hour
//	make bench BENCH='-rows main -warmup 1s -duration 2s -drain 100000' # half an hour
//	go run ./test/bench -rows sync-32,async -rounds 1 -duration 3s
//	go run ./test/bench -settings activemq    # the reference alone
//	go run ./test/bench -against ./conclave-1 # and an earlier build of Conclave; DROP is 5 % worse
//
// The rows whose names begin with pg- have both brokers on one PostgreSQL server,
// started for the run on the same disk: ActiveMQ with its JDBC store, each
// measurement in a database of its own. They need Debian's postgresql,
// libpostgresql-jdbc-java and libcommons-dbcp2-java.
//
// The generator "go" is package client/load in this process; "java" is
// test/bench/java on the unmodified activemq-client in a process of its own.
// Raw rates of the disk are measured in every round beside the rows, since a
// disk's speed changes from hour to hour.
package main
